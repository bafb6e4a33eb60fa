import {
  type IdentityFact,
  identityKey,
  loadMembers,
  RELEASE_NAMES,
  type ReleaseFact,
  releaseKey,
} from '@salus/contracts';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import { hash, list, nullable, object, oneOf, organisation, publicKey, text, timeMs } from '../http/schemas.ts';
import type { Node } from '../node.ts';
import { provenTransaction } from './ledger.ts';
import { findProvenTransaction } from './proven-transaction.ts';

/** Of one organisation; the oldest fall out first only when an organisation has listed more. */
const LISTED_MAX = 1_000;
const ORGANISATIONS_MAX = 64;
/** For each address: an app asks when it starts and when a new bundle is there. */
const ASKED_PER_MINUTE = 600;

/** Which bundles the members' administrators have signed for: what an installed app asks before it takes a new one. */
export function addReleaseRoutes(app: FastifyInstance, node: Node): void {
  const release = object({
    ...{ organisation, name: oneOf(RELEASE_NAMES), hash, status: oneOf(['listed', 'withdrawn']) },
    ...{ listedMs: timeMs, withdrawnMs: nullable(timeMs), key: text(512) },
  });
  addRoute(app, {
    method: 'GET',
    url: '/api/v1/releases',
    access: { kind: 'public' },
    perMinute: ASKED_PER_MINUTE,
    summary: 'The bundles for browsers that administrators have listed on the ledger; `key` is where each stands.',
    answer: object({ releases: list(release, LISTED_MAX * ORGANISATIONS_MAX) }),
    handle: async () => {
      const { active } = await loadMembers((key) => node.ledger.get(key));
      const releases = await Promise.all(active.map((slug) => listReleases(node, slug)));
      return { releases: releases.flat() };
    },
  });
  addRoute<{ hash: string }>(app, {
    method: 'GET',
    url: '/api/v1/releases/:hash',
    access: { kind: 'public' },
    perMinute: ASKED_PER_MINUTE,
    summary:
      'Who listed one bundle: the administrator’s key, and the transaction with the proof that the ledger holds it.',
    params: object({ hash }),
    answer: object({
      listings: list(
        object({ organisation, status: oneOf(['listed', 'withdrawn']), publicKey, proof: provenTransaction }),
        ORGANISATIONS_MAX,
      ),
    }),
    handle: async ({ params }) => {
      const { active } = await loadMembers((key) => node.ledger.get(key));
      const listings = await Promise.all(active.map((slug) => findListing(node, slug, params.hash)));
      return { listings: listings.filter((listing) => listing !== undefined) };
    },
  });
}

async function findListing({ ledger }: Node, slug: string, hash: string) {
  const key = releaseKey(slug, 'web', hash);
  const fact = (await ledger.get(key)) as ReleaseFact | undefined;
  if (fact === undefined) return undefined;
  // Listed once, withdrawn at most once: the older of the two is the listing.
  const versions = await ledger.history(key, { limit: 2 });
  const proof = await findProvenTransaction(ledger, versions.at(-1)!.callId);
  if (proof === undefined) return undefined;
  const { signer } = proof.transaction.call.payload;
  const identity = (await ledger.get(identityKey(signer.slice('id:'.length)))) as IdentityFact | undefined;
  if (identity === undefined) return undefined;
  return { organisation: slug, status: fact.status, publicKey: identity.publicKey, proof };
}

async function listReleases({ ledger }: Node, slug: string) {
  const lists = await Promise.all(
    RELEASE_NAMES.map(async (name) => {
      const start = releaseKey(slug, name, '');
      const entries = await ledger.range(start, `${start.slice(0, -1)}0`, LISTED_MAX);
      return entries.map(({ key, value }) => {
        const { status, listedMs, withdrawnMs = null } = value as unknown as ReleaseFact;
        return { organisation: slug, name, hash: key.slice(start.length), status, listedMs, withdrawnMs, key };
      });
    }),
  );
  return lists.flat();
}
