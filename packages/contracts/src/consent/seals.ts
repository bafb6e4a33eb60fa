import { demandUnique, parseFields, parseHash, parseId, parseList } from '../args.ts';
import type { Context } from '../context.ts';
import { demand } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Grantee } from './terms.ts';

/** Sealed keys that one grant may come with; later ones are made by the author's node. */
export const SEALS_MAX = 1000;

/** One sealed `E`: which key, for which recipient key, and the SHA-256 of the envelope. */
export type Seal = { readonly keyId: string; readonly recipientKid: string; readonly digest: string };

export function parseSeals(value: Json | undefined, name: string): readonly Seal[] {
  const seals = parseList(value, name, { max: SEALS_MAX }, (item, itemName) => {
    const fields = parseFields(item, itemName, ['keyId', 'recipientKid', 'digest']);
    return {
      keyId: parseId(fields.keyId, `${itemName}.keyId`),
      recipientKid: parseId(fields.recipientKid, `${itemName}.recipientKid`),
      digest: parseHash(fields.digest, `${itemName}.digest`),
    };
  });
  demandUnique(seals, name, (seal) => `${seal.keyId}/${seal.recipientKid}`);
  return seals;
}

/**
 * Keys may be sealed only to HPKE keys that the ledger lists, now, for the grantee's organisation, or for the client that is
 * the grantee: `seal-recipient`. Persons and roles hold no sealed key; they are checked at use. A card opens nothing by itself.
 */
export function demandListedRecipients(context: Context, seals: readonly Seal[], grantee: Grantee): void {
  for (const seal of seals) {
    const listed =
      grantee.kind === 'card'
        ? undefined
        : context.members.findHpkeKey(grantee.organisation, seal.recipientKid, context.timestampMs);
    const isRecipient =
      listed?.holder === 'organisation' || (grantee.kind === 'client' && listed?.holder === grantee.id);
    demand(isRecipient, 'seal-recipient');
  }
}
