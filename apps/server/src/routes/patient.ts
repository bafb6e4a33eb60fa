import type { EmergencyFact, GrantFact } from '@salus/contracts';
import { type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type GivenCall, type GivenSeal, takeAnswer, takeGrant } from '../consent.ts';
import { patientOf, sessionOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, patientReaderOf, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { WalletBackups } from '../wallet-backups.ts';
import { committed } from './calls.ts';
import { entriesUnder } from './entries-under.ts';
import { pageSize } from './ledger.ts';

const SEALS_MAX = 1_000;
const TOKENS_MAX = 64;
const LISTED_MAX = 1_000;
const REQUESTS_PAGE_MAX = 200;
const NAMES_MAX = 200;
const BACKUP_BYTES_MAX = 1_400_000;
const KEY_ID_LENGTH_MAX = 64;
const PATIENT = { kind: 'session', who: ['patient'] } as const;
const CONSENTING = { ...PATIENT, guardian: ['consent'] } as const;

const { anything, id, list, object, timeMs } = schema;
const given = { call: schema.signedCall, privateArgs: schema.privateArgs };

interface InOrganisation {
  readonly org: string;
}

/** What a patient decides, per pid: grants, answers, denials; and the wallet's opaque backup. */
export function addPatientRoutes(app: FastifyInstance, node: Node): void {
  addGrants(app, node);
  addRequests(app, node);
  addDenials(app, node);
  addBackup(app, node);
}

function addGrants(app: FastifyInstance, node: Node): void {
  const seal = object({ keyId: id, recipientKid: id, envelope: schema.hpkeEnvelope });
  addRoute<InOrganisation, unknown, GivenCall & { seals: readonly GivenSeal[]; places?: SealedEnvelope }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/grants',
    access: CONSENTING,
    summary: 'Commits a signed consent.grant or consent.narrow and keeps terms and sealed keys; no object is touched.',
    params: schema.org,
    body: object({ ...given, seals: list(seal, SEALS_MAX), places: schema.hpkeEnvelope }, ['places']),
    answer: committed,
    handle: async ({ params, body, request }) => {
      demandOwn(request, body);
      const places = body.places === undefined ? undefined : parseSealedEnvelope(body.places as unknown as Json);
      return takeGrant(readHosted(node, params.org), body, { seals: body.seals, places });
    },
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/grants',
    access: { ...PATIENT, guardian: ['read', 'consent'] },
    summary: 'The grants of this pid as the ledger holds them, with the terms where this node knows them.',
    params: schema.org,
    answer: object({
      grants: list(object({ grant: id, fact: anything, terms: anything }), LISTED_MAX),
      emergencies: list(object({ request: schema.hash, fact: anything }), LISTED_MAX),
    }),
    handle: async ({ params, request }) => {
      const { pid } = patientOf(request);
      const { vault } = readHosted(node, params.org);
      const [grants, emergencies] = await Promise.all([
        newestOf<GrantFact>(node, `grant/${pid}/`, (fact) => [fact.status === 'active', fact.lastMs]),
        newestOf<EmergencyFact>(node, `emergency/${pid}/`, (fact) => [fact.status === 'open', fact.untilMs]),
      ]);
      return {
        grants: await Promise.all(
          grants.map(async ({ key, fact }) => {
            const grant = lastPart(key);
            return { grant, fact, terms: (await vault.grants.find(pid, grant))?.terms ?? null };
          }),
        ),
        emergencies: emergencies.map(({ key, fact }) => ({ request: lastPart(key), fact })),
      };
    },
  });
}

/** The first of those that matter, newest first: whoever signs chooses the ids, and so their order on the ledger. */
async function newestOf<Fact>(
  { ledger }: Node,
  prefix: string,
  rankOf: (fact: Fact) => readonly [isLive: boolean, ms: number],
): Promise<readonly { readonly key: string; readonly fact: Fact }[]> {
  const found = [];
  for await (const { key, value } of entriesUnder(ledger, prefix)) {
    const fact = value as unknown as Fact;
    const [isLive, ms] = rankOf(fact);
    found.push({ key, fact, isLive: Number(isLive), ms });
  }
  found.sort((left, right) => right.isLive - left.isLive || right.ms - left.ms);
  return found.slice(0, LISTED_MAX).map(({ key, fact }) => ({ key, fact }));
}

function addRequests(app: FastifyInstance, node: Node): void {
  const request = object({
    asked: anything,
    salt: schema.hash,
    requester: id,
    createdMs: timeMs,
    status: schema.oneOf(['open', 'granted', 'partly', 'declined']),
  });
  addRoute<InOrganisation, { before?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/requests',
    access: CONSENTING,
    summary: 'Who asked this pid for access, in their own words, newest first.',
    params: schema.org,
    query: object({ before: schema.digits, limit: schema.digits }, ['before', 'limit']),
    answer: object({ requests: list(request, REQUESTS_PAGE_MAX) }),
    handle: async ({ params, query, request: of }) => {
      const page = {
        limit: pageSize(query.limit, 50, REQUESTS_PAGE_MAX),
        ...(query.before === undefined ? {} : { beforeMs: Number(query.before) }),
      };
      const { requests } = readHosted(node, params.org).exchange;
      return { requests: await requests.listOfPid(patientOf(of).pid, page) };
    },
  });
  addRoute<InOrganisation, unknown, GivenCall & { tokens: readonly SealedEnvelope[] }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/answers',
    access: CONSENTING,
    summary:
      'Commits a signed consent.answer and hands the requester the sealed tokens of what was granted, wherever that is.',
    params: schema.org,
    body: object({ ...given, tokens: list(schema.hpkeEnvelope, TOKENS_MAX) }, ['privateArgs']),
    answer: committed,
    handle: async ({ params, body, request: of }) => {
      demandOwn(of, body);
      return takeAnswer(readHosted(node, params.org), body, body.tokens);
    },
  });
}

function addDenials(app: FastifyInstance, node: Node): void {
  const names = { persons: list(id, NAMES_MAX), labelClasses: list(schema.labelClass, NAMES_MAX) };
  const denial = object({ denialId: id, pid: id, ...names, atMs: timeMs });
  addRoute<InOrganisation, unknown, { persons: readonly string[]; labelClasses: readonly string[] }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/denials',
    access: PATIENT,
    summary: 'Denies persons, label classes, or persons these label classes, inside this organisation.',
    params: schema.org,
    body: object(names),
    answer: denial,
    handle: async ({ params, body, request }) =>
      readHosted(node, params.org).vault.access.denials.deny(patientReaderOf(request).who, body),
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/denials',
    access: PATIENT,
    summary: 'What the patient denied inside this organisation.',
    params: schema.org,
    answer: object({ denials: list(denial, LISTED_MAX) }),
    handle: async ({ params, request }) => ({
      denials: await readHosted(node, params.org).vault.access.denials.list(patientOf(request).pid),
    }),
  });
  addRoute<InOrganisation & { denialId: string }>(app, {
    method: 'DELETE',
    url: '/api/v1/orgs/:org/patient/denials/:denialId',
    access: PATIENT,
    summary: 'Takes a denial back.',
    params: object({ org: schema.organisation, denialId: id }),
    answer: null,
    handle: async ({ params, request }) => {
      await readHosted(node, params.org).vault.access.denials.withdraw(patientReaderOf(request).who, params.denialId);
    },
  });
}

function addBackup(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation, unknown, { backup: SealedEnvelope }>(app, {
    method: 'PUT',
    url: '/api/v1/orgs/:org/patient/backup',
    access: PATIENT,
    summary: 'Keeps the backup of this device’s wallet, which only the recovery secret opens.',
    params: schema.org,
    body: object({ backup: schema.hpkeEnvelope }),
    bodyBytesMax: BACKUP_BYTES_MAX,
    answer: object({ savedMs: timeMs }),
    handle: async ({ params, body, request }) => {
      const backup = parseSealedEnvelope(body.backup as unknown as Json);
      const { pid, kid } = patientOf(request);
      return { savedMs: await new WalletBackups(readHosted(node, params.org).vault).put(pid, kid, backup) };
    },
  });
  addRoute<InOrganisation, { readonly after?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/backup',
    access: { kind: 'session', who: ['patient', 'recovery'] },
    summary:
      'One of the backups that the devices of a wallet left, for a device of the pid or for its recovery key; with `next` as `after` the one behind it.',
    params: schema.org,
    query: object({ after: schema.text(KEY_ID_LENGTH_MAX) }, ['after']),
    answer: object({ backup: anything, savedMs: timeMs, next: schema.nullable(schema.text(KEY_ID_LENGTH_MAX)) }),
    handle: async ({ params, query, request }) => {
      const { principal } = sessionOf(request);
      if (principal.kind === 'staff') throw new ServerError('not-permitted', 'This is for patients.');
      const backups = new WalletBackups(readHosted(node, params.org).vault);
      const found = await backups.find(principal.pid, query.after);
      if (found === undefined) throw new ServerError('not-found', 'No backup is kept for this pid.');
      return found;
    },
  });
}

/** The call is one of the pid that is logged in: another's would be kept in the wrong place. */
function demandOwn(request: FastifyRequest, { call }: GivenCall): void {
  const { pid } = patientOf(request);
  if (!call.payload.signer.startsWith(`pid:${pid}/`)) {
    throw new ServerError('not-permitted', 'The call is signed for another pid than the one that is logged in.');
  }
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
