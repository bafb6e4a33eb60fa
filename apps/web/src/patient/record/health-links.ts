import type { NodeSession } from '@salus/client';
import type { SealedFile } from './health-link.ts';

/** A link as the node that hosts it tells of it; the node has neither key nor text. */
export interface HostedLink {
  readonly link: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly hasPasscode: boolean;
  readonly state: 'active' | 'expired' | 'revoked' | 'locked';
  /** How often it was opened. */
  readonly opened: number;
  /** Wrong passcodes that are left before it closes for good. */
  readonly remainingAttempts: number;
  /** The key of the guardian who made it; null where the patient did. */
  readonly guardian: string | null;
}

/** Characters of one file of a link, as ciphertext: the node takes no more. */
export const FILE_LENGTH_MAX = 3_000_000;
export const PASSCODE_LENGTH_MIN = 6;

export async function hostLink(
  { api, organisation, token }: NodeSession,
  {
    file,
    expiresMs,
    passcode,
  }: { readonly file: SealedFile; readonly expiresMs: number; readonly passcode: string | null },
): Promise<{ readonly url: string; readonly expiresMs: number; readonly flags: string }> {
  const flags = passcode === null ? '' : 'P';
  const made = await api.send<{ readonly url: string; readonly expiresMs: number }>({
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/patient/health-links`,
    body: { files: [file], expiresMs, passcode, flags },
    token,
  });
  return { ...made, flags };
}

export async function listLinks({ api, organisation, token }: NodeSession): Promise<readonly HostedLink[]> {
  const path = `/api/v1/orgs/${organisation}/patient/health-links`;
  return (await api.send<{ readonly links: readonly HostedLink[] }>({ method: 'GET', path, token })).links;
}

/** Closes a link: its files are destroyed. */
export async function revokeLink({ api, organisation, token }: NodeSession, link: string): Promise<void> {
  const path = `/api/v1/orgs/${organisation}/patient/health-links/${encodeURIComponent(link)}`;
  await api.send({ method: 'DELETE', path, token, repeatable: true });
}
