import type { HostedOrganisation } from '../src/organisation.ts';

const ASSIGNED_MS = 3_600_000;

/** The desk puts the patient into the clinician's care, who may read and write then. `id`: of the Patient resource. */
export async function assign(
  { slug: organisation, vault }: Pick<HostedOrganisation, 'slug' | 'vault'>,
  { id, actor, nowMs }: { readonly id: string; readonly actor: string; readonly nowMs: number },
): Promise<void> {
  const { pid } = (await vault.patients.findByFhirId(id))!;
  const by = { kind: 'member', organisation, id: 'desk', roles: ['registrar'] } as const;
  await vault.access.assign(by, { pid, actor, fromMs: nowMs, untilMs: nowMs + ASSIGNED_MS });
}
