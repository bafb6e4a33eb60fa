import type { Grantee, GrantKind, Purpose, Terms } from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';

/** What the patient decides; everything left out stays closed. */
export interface GrantChoice {
  readonly pid: string;
  readonly kind?: Exclude<GrantKind, 'card'>;
  readonly grantee: Grantee;
  readonly categories: readonly string[];
  readonly labelClasses: readonly string[];
  readonly purposes: readonly Purpose[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly resourceTypes?: readonly string[];
  readonly records?: readonly string[];
  readonly dataFromMs?: number;
  readonly dataToMs?: number;
  readonly exceptActors?: readonly string[];
  readonly mayKeep?: boolean;
  readonly maxUses?: number;
  readonly delegationDepth?: number;
}

/** What the ledger shows of terms. */
export function commitmentOf(terms: Terms, salt: string): string {
  return hashTuple('grant', salt, terms as unknown as Json);
}

export function termsOf(
  network: string,
  id: string,
  choice: Omit<GrantChoice, 'kind'> & { readonly kind?: GrantKind },
): Terms {
  return {
    version: 'salus:terms:v1',
    network,
    pid: choice.pid,
    grant: id,
    kind: choice.kind ?? 'access',
    grantee: choice.grantee,
    categories: choice.categories,
    labelClasses: choice.labelClasses,
    resourceTypes: choice.resourceTypes ?? null,
    records: choice.records ?? null,
    dataFromMs: choice.dataFromMs ?? null,
    dataToMs: choice.dataToMs ?? null,
    purposes: choice.purposes,
    exceptActors: choice.exceptActors ?? [],
    mayKeep: choice.mayKeep ?? false,
    notBeforeMs: choice.notBeforeMs,
    notAfterMs: choice.notAfterMs,
    maxUses: choice.maxUses ?? null,
    delegationDepth: choice.delegationDepth ?? 0,
    parent: null,
  };
}
