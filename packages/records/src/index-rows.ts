import type { Json } from '@salus/contracts';
import { randomBytes, toBase64url } from '@salus/crypto';
import type { Insertable } from 'kysely';
import type { MasterKey } from './master-key.ts';
import { resourceToken } from './record-rows.ts';
import type { IdentifierTable, PatientTable } from './store/schema.ts';
import type { CareRelationship } from './vault-types.ts';
import type { Identifier } from './write-order.ts';

const ID_BYTES = 16;

/** 128 random bits, 22 characters. */
export function newId(): string {
  return toBase64url(randomBytes(ID_BYTES));
}

/**
 * Tokens by which a resource of this type is found: with its system, and by value alone. Equal identifiers in two
 * organisations have different tokens.
 */
export function identifierTokens(masterKey: MasterKey, type: string, { system, value }: Identifier): readonly string[] {
  return [
    identifierToken(masterKey, type, { system, value }),
    identifierToken(masterKey, type, { system: undefined, value }),
  ];
}

/** `system` undefined: any; null: none (as in FHIR token search). */
export function identifierToken(
  masterKey: MasterKey,
  type: string,
  { system, value }: { readonly system: string | null | undefined; readonly value: string },
): string {
  if (system === undefined) return masterKey.token('identifier', type, 'any', value);
  return system === null
    ? masterKey.token('identifier', type, 'none', value)
    : masterKey.token('identifier', type, 'system', system, value);
}

export function identifierRow(
  masterKey: MasterKey,
  entry: {
    readonly batchId: string;
    readonly type: string;
    readonly id: string;
    readonly resourceToken: string;
    readonly token: string;
  },
): Insertable<IdentifierTable> {
  const { batchId, type, id, token } = entry;
  const sealed = masterKey.sealJson('identifier', [token, entry.resourceToken], { type, id });
  return { token, resourceToken: entry.resourceToken, batchId, sealed };
}

export function patientRow(
  masterKey: MasterKey,
  entry: { readonly batchId: string; readonly pid: string; readonly fhirId: string; readonly registeredMs: number },
): Insertable<PatientTable> {
  const { batchId, pid, fhirId, registeredMs } = entry;
  const pidToken = masterKey.token('pid', pid);
  return {
    pidToken,
    resourceToken: resourceToken(masterKey, 'Patient', fhirId),
    batchId,
    sealed: masterKey.sealJson('patient', [pidToken], { pid, fhirId }),
    registeredMs,
  };
}

/** Token of an actor beside one pid: the same person beside two patients has two tokens. */
export function actorToken(masterKey: MasterKey, pid: string, actor: string): string {
  return masterKey.token('actor', pid, actor);
}

/** `source`: the resource and batch that state it; null for an explicit assignment. */
export function relationshipRow(
  masterKey: MasterKey,
  relationship: CareRelationship,
  source: { readonly resourceToken: string; readonly batchId: string } | null,
) {
  const relationshipId = newId();
  return {
    relationshipId,
    pidToken: masterKey.token('pid', relationship.pid),
    actorToken: actorToken(masterKey, relationship.pid, relationship.actor),
    resourceToken: source?.resourceToken ?? null,
    batchId: source?.batchId ?? null,
    sealed: masterKey.sealJson('care-relationship', [relationshipId], relationship as unknown as Json),
  };
}
