import type { OpenedTerms, SignedCall } from '@salus/contracts';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';

const PLACES_MAX = 64;
const CATEGORIES_MAX = 64;
const { category, id, list, nullable, object, organisation, timeMs } = schema;

interface Asked {
  readonly author: string;
  readonly call: SignedCall;
  readonly chain: readonly string[];
  readonly token: OpenedTerms;
}

/** Treated elsewhere: what a patient's locate grant tells, for one signed request. */
export function addPlaceRoutes(app: FastifyInstance, node: Node): void {
  const place = object({
    ...{ organisation, pid: id, categories: list(category, CATEGORIES_MAX) },
    ...{ fromMs: nullable(timeMs), toMs: nullable(timeMs) },
  });
  addRoute<{ org: string }, unknown, Asked>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/places',
    access: { kind: 'session', who: ['staff'] },
    summary:
      'Where else a patient was treated, by the reader’s signed consent.locateRequest: organisations, categories and dates, no content.',
    params: schema.org,
    body: object({
      ...{ author: organisation, call: schema.signedCall, chain: schema.chain },
      token: object({ terms: schema.anyObject, salt: schema.hash }),
    }),
    answer: object({ places: list(place, PLACES_MAX) }),
    handle: async ({ params, body, request }) => {
      const reader = memberOf(request);
      const { author, call, chain, token } = body;
      if (call.payload.signer !== `id:${reader.id}`) {
        throw new ServerError('not-permitted', 'The request is signed by somebody else than who is logged in.');
      }
      const { exchange } = readHosted(node, params.org);
      const places = await exchange.treatedElsewhere.read({
        author,
        reader,
        request: call,
        chain,
        token,
        ancestors: [],
      });
      return { places };
    },
  });
}
