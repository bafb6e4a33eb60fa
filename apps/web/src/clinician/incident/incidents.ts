import type { NodeSession } from '@salus/client';

export const AREAS = [
  'medication',
  'laboratory',
  'identification',
  'procedure',
  'communication',
  'device',
  'other',
] as const;
/** WHO International Classification for Patient Safety, degree of harm. */
export const HARMS = ['none', 'mild', 'moderate', 'severe', 'death'] as const;

export interface Incident {
  readonly kind: 'error' | 'near-miss';
  readonly area: (typeof AREAS)[number];
  readonly harm: (typeof HARMS)[number];
  readonly text: string;
  /** `YYYY-MM-DD`, where the reporter wants to say it. */
  readonly day: string | null;
}

export function reportIncident(
  { api, organisation, token }: NodeSession,
  incident: Incident,
): Promise<{ readonly incident: string; readonly receipt: string }> {
  return api.send({ method: 'POST', path: `/api/v1/orgs/${organisation}/incidents`, body: incident, token });
}

/** `text`: number and receipt, with a space between them, as they were shown. */
export function readNotes(
  { api, organisation, token }: NodeSession,
  text: string,
): Promise<{ readonly notes: readonly { readonly text: string; readonly atMs: number }[] }> {
  const [incident = '', receipt = ''] = text.trim().split(/\s+/);
  const path = `/api/v1/orgs/${organisation}/incidents/${encodeURIComponent(incident)}/status`;
  return api.send({ method: 'POST', path, body: { receipt }, token });
}
