import { hashTuple, type Json, randomBytes, toBase64url } from '@salus/crypto';
import type { Consortium, Party, PreparedCall } from './consortium.ts';

/** Grants last so long unless told. */
const GRANT_DURATION_MS = 60_000;
const SALT_BYTES = 32;

type TermsOf = {
  readonly network: string;
  readonly pid: string;
  readonly grant: string;
  readonly nowMs: number;
  readonly durationMs?: number;
};

/** Terms (`salus:terms:v1`) that name an organisation which stands nowhere else. */
function termsOf({ network, pid, grant, nowMs, durationMs = GRANT_DURATION_MS }: TermsOf) {
  return {
    version: 'salus:terms:v1',
    ...{ network, pid, grant },
    kind: 'access',
    grantee: { kind: 'organisation', organisation: 'hospital-z' },
    categories: ['laboratory'],
    labelClasses: ['normal'],
    resourceTypes: null,
    records: null,
    dataFromMs: null,
    dataToMs: null,
    purposes: ['TREAT'],
    exceptActors: [],
    mayKeep: false,
    notBeforeMs: nowMs,
    notAfterMs: nowMs + durationMs,
    maxUses: null,
    delegationDepth: 0,
    parent: null,
  } satisfies Json;
}

type GrantOf = {
  readonly pid: string;
  readonly grant: string;
  /** A device of the patient. */
  readonly by: Party;
  readonly nowMs: number;
  readonly durationMs?: number;
  /** Another one than that of the terms is refused. */
  readonly commitment?: string;
};

/** A grant of a claimed patient, whose terms are private arguments. */
export function grantOf(consortium: Consortium, of: GrantOf): Promise<PreparedCall> {
  const { pid, grant, by, nowMs, durationMs } = of;
  const duration = durationMs === undefined ? {} : { durationMs };
  const terms = termsOf({ network: consortium.network, pid, grant, nowMs, ...duration });
  const salt = toBase64url(randomBytes(SALT_BYTES));
  const commitment = of.commitment ?? hashTuple('grant', salt, terms);
  return consortium.sign({
    transaction: 'consent.grant',
    args: { grant, kind: 'access', commitment, cardKey: null },
    by,
    values: { terms, salt, seals: [] },
  });
}
