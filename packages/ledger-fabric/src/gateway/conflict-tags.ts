import type { Json, SignedCall } from '@salus/contracts';

/** 128 bits as base64url: how pids, grants, key ids and identities are written. */
const ID = /^[\w-]{22}$/;
/** Hashes of leaves, which a correction, tombstone or erasure ends. */
const HASH = /^[\w-]{43}$/;

/**
 * What a call may write that another call may read or write too: the ids in its arguments, the pid that signs, and for
 * transactions that keep one fact an organisation, the signer. Two calls that share a tag go into one Fabric transaction or
 * one after the other; a tag too many costs a moment, one too few a retry.
 */
export function conflictTags({ payload }: SignedCall): readonly string[] {
  const { contract, transaction, signer, args } = payload;
  const tags = new Set<string>();
  collect(args as Json, tags);
  switch (contract) {
    case 'membership':
      // Proposals, votes and roots touch each other, and are rare.
      tags.add('membership');
      break;
    case 'access':
      tags.add(`access.${transaction} ${signer}`);
      break;
    default: {
      const [kind = '', name = ''] = signer.split(':');
      if (kind !== 'id') tags.add(name.slice(0, name.includes('/') ? name.indexOf('/') : undefined));
    }
  }
  return [...tags];
}

function collect(value: Json, tags: Set<string>): void {
  if (typeof value === 'string') {
    if (ID.test(value) || HASH.test(value)) tags.add(value);
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Array.isArray(value) ? value : Object.values(value)) collect(item, tags);
  }
}
