import type { Json } from '@salus/contracts';
import { fromBase64url, toBase64url } from '@salus/crypto';
import type { MasterKey } from '../master-key.ts';
import { RecordsError } from '../records-error.ts';
import type { SearchPosition } from './search-types.ts';

/** How long a link to a further page opens. */
export const PAGE_LINK_LIFETIME_MS = 60 * 60 * 1000;
/** Longest link that is looked at. */
const LINK_LENGTH_MAX = 16_384;

/** What a link to a further page holds, sealed: the search as it was asked, and where the page before it ended. */
export interface PageLink {
  /** Where it was asked: of a type, of a compartment, of all. */
  readonly path: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly position: SearchPosition;
  readonly untilMs: number;
}

/** Links that nobody can read, make or hand to another session. */
export function sealPageLink(masterKey: MasterKey, session: string, link: PageLink): string {
  return toBase64url(masterKey.sealJson('search-cursor', [session], link as unknown as Json));
}

/** Another session's link, a changed one or one that is too old throws `not-found`. */
export function openPageLink(masterKey: MasterKey, session: string, text: string, nowMs: number): PageLink {
  if (text.length <= LINK_LENGTH_MAX && /^[\w-]+$/.test(text)) {
    try {
      const link = masterKey.openJson('search-cursor', [session], fromBase64url(text)) as unknown as PageLink;
      if (link.untilMs > nowMs) return link;
    } catch (error) {
      if (!(error instanceof RecordsError)) throw error;
    }
  }
  throw new RecordsError('not-found', 'the page is not known here any more: search again');
}
