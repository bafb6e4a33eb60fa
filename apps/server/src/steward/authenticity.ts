import { ADMINISTRATOR_ROLE, type AuthenticityFact, authenticityKey, loadMembers } from '@salus/contracts';
import {
  AUTHENTICITY_LICENCE_MAX,
  AUTHENTICITY_NAME_MAX,
  CryptoError,
  hashTuple,
  issueAuthenticityCertificate,
} from '@salus/crypto';
import type { FastifyInstance } from 'fastify';
import { CLOCK_SLACK_MS } from '../founding.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { findLiveIdentity, readLiveIdentity } from '../identities.ts';
import { type HostedOrganisation, type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { noteAdministration } from './note-administration.ts';

/** A certificate ends with the member's own, and after this at the latest: a licence is looked at again. */
export const AUTHENTICITY_DAYS_MAX = 730;
/** For each address: whoever scans a QR code asks once. */
const ASKED_PER_MINUTE = 600;
const DAY_MS = 86_400_000;
const CERTIFICATE_CHARACTERS_MAX = 8_192;
const AUTHORITIES_MAX = 64;
/** Certificates that an organisation keeps in its list: as many as one listing of documents gives. */
const ISSUED_MAX = 1_000;

const { count, flag, hash, id, list, nullable, object, oneOf, organisation, text, timeMs } = schema;
const certificate = schema.base64url(CERTIFICATE_CHARACTERS_MAX);
const status = nullable(oneOf(['valid', 'revoked']));

interface InOrganisation {
  readonly org: string;
}

/** What the organisation's own list keeps of an issued certificate: it carries a name and is sealed at rest. */
interface IssuedCertificate {
  readonly certificate: string;
  readonly person: string;
  readonly name: string;
  readonly licence: string;
  readonly issuedMs: number;
  readonly notAfterMs: number;
}

/**
 * Certificates of Authenticity: the node's authority signs one when an administrator asks, and it counts once the
 * administrator's own signed `membership.certifyAuthenticity` with its fingerprint is committed. Whoever verifies offline learns
 * what the authority signed, and nothing of that call.
 */
export function addAuthenticityRoutes(app: FastifyInstance, node: Node): void {
  addIssue(app, node);
  addList(app, node);
  addPublic(app, node);
}

function addIssue(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation, unknown, { person: string; name: string; licence: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/authenticity',
    access: { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE] },
    summary:
      'Certifies name and licence of a member of this organisation; whoever asks the ledger finds it worth nothing before the administrator’s own signed membership.certifyAuthenticity. Stands in the audit log.',
    params: schema.org,
    body: object({ person: id, name: text(AUTHENTICITY_NAME_MAX, 1), licence: text(AUTHENTICITY_LICENCE_MAX, 1) }),
    answer: object({ certificate, fingerprint: hash }),
    handle: async ({ params, body: { person, name, licence }, request }) => {
      const organisation = readHosted(node, params.org);
      const nowMs = node.nowMs();
      const member = await readLiveIdentity(node.ledger, { id: person, organisation: params.org, nowMs });
      const ca = await organisation.openAuthority();
      const notAfterMs = Math.min(member.notAfterMs, nowMs + AUTHENTICITY_DAYS_MAX * DAY_MS);
      const issued = await issueAuthenticityCertificate({
        ...{ ca, name, licence, id: person, publicKey: member.publicKey },
        ...{ notBeforeMs: nowMs - CLOCK_SLACK_MS, notAfterMs },
      }).catch((error: unknown) => {
        if (!(error instanceof CryptoError) || error.code !== 'bad-argument') throw error;
        throw new ServerError('bad-request', 'Name and licence are one line each, without control characters.');
      });
      const { documents } = organisation.vault;
      if ((await documents.list('authenticity')).length >= ISSUED_MAX) {
        throw new ServerError('overloaded', 'The organisation keeps as many certificates as it can list.');
      }
      const fingerprint = hashTuple('authenticity', issued);
      await documents.put('authenticity', fingerprint, {
        ...{ certificate: issued, person, name, licence, issuedMs: nowMs, notAfterMs },
      });
      // Offline it verifies from here on, whoever signed for it.
      const what = `certificate of authenticity ${fingerprint} for ${person}`;
      await noteAdministration(node, { org: params.org, request, what });
      return { certificate: issued, fingerprint };
    },
  });
}

function addList(app: FastifyInstance, node: Node): void {
  const entry = object({
    ...{ certificate, fingerprint: hash, person: id, status },
    ...{ name: text(AUTHENTICITY_NAME_MAX), licence: text(AUTHENTICITY_LICENCE_MAX) },
    ...{ issuedMs: timeMs, notAfterMs: timeMs },
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/authenticity',
    access: { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE] },
    summary:
      'The Certificates of Authenticity that this organisation issued, newest first; `status` is the ledger’s, null for one that no administrator has signed.',
    params: schema.org,
    answer: object({ certificates: list(entry, ISSUED_MAX) }),
    handle: async ({ params }) => {
      const issued = await listIssued(readHosted(node, params.org));
      const certificates = [];
      for (const [fingerprint, kept] of issued) {
        const fact = (await node.ledger.get(authenticityKey(fingerprint))) as AuthenticityFact | undefined;
        certificates.push({ ...kept, fingerprint, status: fact?.status ?? null });
      }
      return { certificates };
    },
  });
}

async function listIssued({ vault }: HostedOrganisation): Promise<readonly (readonly [string, IssuedCertificate])[]> {
  const documents = await vault.documents.list('authenticity');
  return documents
    .map(({ name, value }) => [name, value as unknown as IssuedCertificate] as const)
    .sort(([, left], [, right]) => right.issuedMs - left.issuedMs);
}

/** What whoever holds a certificate needs to judge it: authorities to keep, and what the ledger says today. */
function addPublic(app: FastifyInstance, node: Node): void {
  const authority = object({ certificate, fromMs: timeMs, untilMs: nullable(timeMs) });
  const member = object({
    organisation,
    status: oneOf(['active', 'removed']),
    authorities: list(authority, AUTHORITIES_MAX),
  });
  addRoute(app, {
    method: 'GET',
    url: '/api/v1/authenticity/authorities',
    access: { kind: 'public' },
    summary: 'The authorities of all members, as the ledger lists them: keep them, and certificates verify offline.',
    perMinute: ASKED_PER_MINUTE,
    answer: object({ network: id, height: count, nowMs: timeMs, members: list(member, AUTHORITIES_MAX) }),
    handle: async () => {
      const { ledger, network } = node;
      const loaded = await loadMembers((key) => ledger.get(key));
      const members = (loaded.network?.organisations ?? []).map((slug) => {
        const { status: standing, ca } = loaded.roots(slug)!;
        const authorities = ca.map(({ certificate: given, fromMs, untilMs }) => {
          return { certificate: given, fromMs, untilMs };
        });
        return { organisation: slug, status: standing, authorities };
      });
      return { network, height: await ledger.height(), nowMs: node.nowMs(), members };
    },
  });
  addRoute<{ fingerprint: string }>(app, {
    method: 'GET',
    url: '/api/v1/authenticity/:fingerprint',
    access: { kind: 'public' },
    summary:
      'What the ledger says of one Certificate of Authenticity; `member` is false once the person was revoked. The certificate itself is not asked for.',
    perMinute: ASKED_PER_MINUTE,
    params: object({ fingerprint: hash }),
    answer: object({
      status,
      organisation: nullable(organisation),
      sinceMs: nullable(timeMs),
      member: flag,
      height: count,
    }),
    handle: async ({ params }) => {
      const { ledger } = node;
      const fact = (await ledger.get(authenticityKey(params.fingerprint))) as AuthenticityFact | undefined;
      const height = await ledger.height();
      if (fact === undefined) return { status: null, organisation: null, sinceMs: null, member: false, height };
      const where = { id: fact.id, organisation: fact.organisation, nowMs: node.nowMs() };
      const member = (await findLiveIdentity(ledger, where)) !== undefined;
      return { status: fact.status, organisation: fact.organisation, sinceMs: fact.sinceMs, member, height };
    },
  });
}
