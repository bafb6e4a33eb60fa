import type { Json } from '@salus/crypto';
import { type MasterKey, RecordsError } from '@salus/records';
import { ServerError } from '../../server-error.ts';

const TOKEN_LENGTH_MAX = 2_048;

/**
 * Where the next page begins, sealed: a place names keys of the ledger, from which every member can tell the pid. It opens for
 * the same question of the same person only.
 */
export function sealPage(masterKey: MasterKey, context: Json, place: Json): string {
  return Buffer.from(masterKey.sealJson('operation-page', context, place)).toString('base64url');
}

/** @throws ServerError `bad-request` for a token that is another's, of another question, or no token. */
export function openPage(masterKey: MasterKey, context: Json, token: string): Json {
  try {
    if (token.length > TOKEN_LENGTH_MAX) throw new RecordsError('corrupt', 'a page token is short');
    return masterKey.openJson('operation-page', context, Buffer.from(token, 'base64url'));
  } catch (error) {
    if (!(error instanceof RecordsError)) throw error;
    throw new ServerError('bad-request', 'The link to this page is not one that was given for this question.');
  }
}
