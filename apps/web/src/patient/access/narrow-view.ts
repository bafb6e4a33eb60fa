import type { HeldGrant } from '@salus/client';
import type { Terms } from '@salus/contracts';
import type { WalletContent } from '@salus/wallet';
import type { UnfinishedNarrowing } from '../../session/unfinished.ts';
import type { Place } from './acting.ts';
import { isNarrowable, signedTerms } from './narrower.ts';

/** Where the records of a grant lie, and who for: null for oneself, else what the guardian calls the ward. */
interface GrantPlace extends Place {
  readonly ward: string | null;
}

/** What a form narrows: the grant as it was found, which everything that it shows is measured by. */
export interface Narrowable {
  readonly place: GrantPlace;
  readonly grant: HeldGrant;
  readonly agreed: Terms;
}

/** What the page about one grant shows. */
type NarrowView =
  | { readonly kind: 'form'; readonly found: Narrowable }
  | { readonly kind: 'unfinished'; readonly begun: UnfinishedNarrowing }
  | { readonly kind: 'impossible' };

/** By the wallet, whoever is acted for at this moment: after a reload that is oneself. Undefined for what another device gave. */
export function findGrantPlace(
  { grants, pids, wards = [] }: Pick<WalletContent, 'grants' | 'pids' | 'wards'>,
  grant: string,
): GrantPlace | undefined {
  const pid = grants.find(({ terms }) => terms.grant === grant)?.terms.pid;
  const own = pids.find((entry) => entry.pid === pid);
  if (own !== undefined) return { organisation: own.organisation, pid: own.pid, ward: null };
  const ward = wards.find((entry) => entry.pid === pid);
  return ward === undefined ? undefined : { organisation: ward.organisation, pid: ward.pid, ward: ward.name };
}

/**
 * @param shown what the form stands on that is shown already: it stays until the page is left, although wallet and ledger go
 * apart while it is signed and committed, and with it what went wrong
 */
export function narrowViewOf(
  content: Pick<WalletContent, 'grants'>,
  {
    shown,
    place,
    held,
    begun,
  }: {
    readonly shown: Narrowable | undefined;
    readonly place: GrantPlace | undefined;
    readonly held: HeldGrant | undefined;
    readonly begun: UnfinishedNarrowing | undefined;
  },
): NarrowView {
  if (shown !== undefined) return { kind: 'form', found: shown };
  if (begun !== undefined && begun.refused === undefined) return { kind: 'unfinished', begun };
  if (place === undefined || held === undefined) return { kind: 'impossible' };
  const agreed = signedTerms(content, held);
  return isNarrowable(held, agreed) ? { kind: 'form', found: { place, grant: held, agreed } } : { kind: 'impossible' };
}

/** Which words tell how far a narrowing came. */
export function pointOf({ sent, refused }: UnfinishedNarrowing): 'refused' | 'untold' | 'unfinished' {
  if (refused !== undefined) return 'refused';
  return sent === null ? 'untold' : 'unfinished';
}
