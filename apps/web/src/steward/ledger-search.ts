/** Where what was typed into the explorer's one field leads; undefined for what is on no ledger. */
export function placeOf(typed: string): string | undefined {
  const text = typed.trim();
  if (/^[0-9]{1,15}$/.test(text)) return blockPath(Number(text));
  // Call ids and fingerprints are 32 bytes, ids of people and pseudonyms 16.
  if (/^[A-Za-z0-9_-]{43}$/.test(text)) return callPath(text);
  if (/^[A-Za-z0-9_-]{22}$/.test(text)) return subjectPath(text);
  if (/^[!-~]{1,512}$/.test(text) && text.includes('/')) return factPath(text);
  return undefined;
}

export const LEDGER = '/steward/ledger';
export const blockPath = (number: number): string => `${LEDGER}/blocks/${number}`;
export const callPath = (callId: string): string => `${LEDGER}/calls/${callId}`;
export const factPath = (key: string): string => `${LEDGER}/facts/${encodeURIComponent(key)}`;
export const subjectPath = (id: string): string => `${LEDGER}/subjects/${id}`;

/** The prefixes under which the ledger may know an id of 16 bytes: a person, a pseudonym with devices and grants, a proposal. */
export function prefixesOf(id: string): readonly string[] {
  return [
    `membership/identity/${id}`,
    `patient/pid/${id}`,
    `patient/device/${id}/`,
    `grant/${id}/`,
    `record/epoch/pid:${id}`,
    `record/table/pid:${id}/`,
    `record/dispute/${id}/`,
    `record/key/${id}`,
    `record/root/${id}/`,
    `leaf/${id}/`,
  ];
}

export type FactKind = 'organisation' | 'person' | 'certificate' | 'pseudonym' | 'device' | 'grant' | 'record' | 'call';

/** What kind of thing a key of the world state speaks of, for its heading; undefined for inner workings. */
export function kindOfKey(key: string): FactKind | undefined {
  const kinds: readonly (readonly [RegExp, FactKind])[] = [
    [/^membership\/(roots|revoked)\//, 'organisation'],
    [/^membership\/identity\//, 'person'],
    [/^membership\/authenticity\//, 'certificate'],
    [/^patient\/pid\//, 'pseudonym'],
    [/^patient\/device\//, 'device'],
    [/^grant\//, 'grant'],
    [/^(leaf|record)\//, 'record'],
    [/^call\//, 'call'],
  ];
  return kinds.find(([pattern]) => pattern.test(key))?.[1];
}
