import type { FastifyInstance } from 'fastify';
import { patientOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, patientReaderOf, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { addHealthLinkReading } from './health-link-reading.ts';
import {
  FILE_CHARACTERS_MAX,
  FILES_MAX,
  type HealthLinkFile,
  HealthLinks,
  LINK_MAX_MS,
  LINKS_PER_PATIENT_MAX,
  PASSCODE_TRIES,
} from './health-links.ts';

const BODY_BYTES_MAX = 8 * 1024 * 1024;
const PASSCODE_LENGTH_MIN = 4;
/** What links show themselves as (SMART Health Links 1.0, "Establish a SMART Health Link"). */
const CONTENT_TYPES = ['application/fhir+json', 'application/smart-health-card', 'application/smart-api-access'];
const SHARING = { kind: 'session', who: ['patient'], guardian: ['share'] } as const;

const { count, flag, hash, list, nullable, object, oneOf, text, timeMs } = schema;

interface InOrganisation {
  readonly org: string;
}
interface Given {
  readonly files: readonly HealthLinkFile[];
  readonly expiresMs: number;
  readonly passcode: string | null;
  readonly flags: string;
}

/** SMART Health Links: encrypted on the patient's device, kept here as ciphertext, opened by whoever has the link. */
export function addHealthLinkRoutes(app: FastifyInstance, node: Node): void {
  const links = new Map([...node.organisations.values()].map(({ slug, vault }) => [slug, new HealthLinks(vault)]));
  const linksOf = (slug: string): HealthLinks => {
    readHosted(node, slug);
    return links.get(slug)!;
  };
  addCreating(app, node, linksOf);
  addListing(app, node, linksOf);
  addHealthLinkReading(app, node, linksOf);
}

function addCreating(app: FastifyInstance, node: Node, linksOf: (slug: string) => HealthLinks): void {
  const jwe = schema.matching('^[A-Za-z0-9_-]+(?:\\.[A-Za-z0-9_-]*){4}$', FILE_CHARACTERS_MAX);
  addRoute<InOrganisation, unknown, Given>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/patient/health-links',
    access: SHARING,
    summary: 'Keeps files that the patient’s device has encrypted for a SMART Health Link, with expiry and passcode.',
    params: schema.org,
    bodyBytesMax: BODY_BYTES_MAX,
    body: object({
      files: list(object({ contentType: oneOf(CONTENT_TYPES), jwe }), FILES_MAX, 1),
      ...{
        expiresMs: timeMs,
        passcode: nullable(text(128, PASSCODE_LENGTH_MIN)),
        flags: oneOf(['', 'L', 'LP', 'LU', 'P', 'U']),
      },
    }),
    answer: object({ link: hash, url: text(256), expiresMs: timeMs }),
    handle: async ({ params, body, request }) => {
      const { pid, kid, guardian } = patientOf(request);
      demandConsistent(body, node.nowMs());
      const maker = { pid, ...(guardian === undefined ? {} : { guardian: { kid, untilMs: guardian.untilMs } }) };
      const { id: link, expiresMs } = await linksOf(params.org).create(maker, body);
      const { vault } = readHosted(node, params.org);
      const { who } = patientReaderOf(request);
      await vault.audit.append({
        ...{ kind: 'export', atMs: vault.clock(), pid, who, purpose: 'PATRQT', grant: null, session: null },
        ...{ records: [], outcome: 'ok', request: null, query: 'a health link was made' },
      });
      return { link, url: urlOf(readHosted(node, params.org).baseUrl, params.org, link), expiresMs };
    },
  });
}

function addListing(app: FastifyInstance, node: Node, linksOf: (slug: string) => HealthLinks): void {
  const shown = object({
    ...{ link: hash, url: text(256), createdMs: timeMs, expiresMs: timeMs, flags: text(3), hasPasscode: flag },
    state: oneOf(['active', 'expired', 'revoked', 'locked']),
    ...{ opened: count, remainingAttempts: nullable(count), lastOpenedMs: nullable(timeMs), files: count },
    /** The key of the guardian who made it; null where the patient did. */
    guardian: nullable(schema.id),
  });
  addRoute<InOrganisation>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/patient/health-links',
    access: SHARING,
    summary: 'The patient’s links, what state they are in and how often they were opened.',
    params: schema.org,
    answer: object({ links: list(shown, LINKS_PER_PATIENT_MAX) }),
    handle: async ({ params, request }) => {
      const { baseUrl } = readHosted(node, params.org);
      const found = await linksOf(params.org).list(patientOf(request).pid);
      const links = found.map(({ id, passcode, tries, contentTypes, pid: _pid, revokedMs: _revoked, ...link }) => ({
        ...{ ...link, link: id, url: urlOf(baseUrl, params.org, id), hasPasscode: passcode !== null },
        guardian: link.guardian ?? null,
        ...{ remainingAttempts: passcode === null ? null : PASSCODE_TRIES - tries, files: contentTypes.length },
      }));
      return { links };
    },
  });
  addRoute<InOrganisation & { readonly link: string }>(app, {
    method: 'DELETE',
    url: '/api/v1/orgs/:org/patient/health-links/:link',
    access: SHARING,
    summary: 'Revokes a link and destroys its files; what was fetched before cannot be taken back.',
    params: object({ org: schema.organisation, link: hash }),
    answer: null,
    handle: ({ params, request }) => linksOf(params.org).revoke(patientOf(request).pid, params.link),
  });
}

function demandConsistent({ files, expiresMs, passcode, flags }: Given, nowMs: number): void {
  if (expiresMs <= nowMs || expiresMs > nowMs + LINK_MAX_MS) {
    throw new ServerError('bad-request', 'A link ends in the future, within a year.');
  }
  if (flags.includes('P') !== (passcode !== null)) {
    throw new ServerError('bad-request', 'The flag P goes with a passcode, and a passcode with the flag P.');
  }
  if (flags.includes('U') && files.length !== 1) {
    throw new ServerError('bad-request', 'The flag U is for a link of one file.');
  }
}

/** Beside the organisation's FHIR base; at most 128 characters where the node's address is of usual length. */
function urlOf(baseUrl: string, slug: string, link: string): string {
  return `${new URL(baseUrl).origin}/api/v1/orgs/${slug}/shl/${link}`;
}
