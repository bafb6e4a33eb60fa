import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import type { HealthLink, HealthLinks, RefusedOpening } from './health-links.ts';
import { Tickets } from './tickets.ts';

/** For each address; a link is opened now and then. */
const OPENED_PER_MINUTE = 120;
/** Above it a file comes by location, unless the reader asks for more. */
const EMBEDDED_CHARACTERS = 1_000_000;
const RECIPIENT_LENGTH_MAX = 200;
const FILES_MAX = 8;
const JOSE_TYPE = 'application/jose';

const { hash, list, object, text } = schema;
const inLink = object({ org: schema.organisation, link: hash });
const recipient = text(RECIPIENT_LENGTH_MAX, 1);

interface InLink {
  readonly org: string;
  readonly link: string;
}
interface Asked {
  readonly recipient: string;
  readonly passcode?: string;
  readonly embeddedLengthMax?: number;
}

/** What anybody who has a link may ask (SMART Health Links 1.0, "SMART Health Link manifest request"), from any origin. */
export function addHealthLinkReading(app: FastifyInstance, node: Node, linksOf: (slug: string) => HealthLinks): void {
  const tickets = new Tickets(node.nowMs);
  addManifest(app, node, { linksOf, tickets });
  addFiles(app, node, { linksOf, tickets });
  app.route({
    method: 'OPTIONS',
    url: '/api/v1/orgs/:org/shl/:link',
    config: { access: { kind: 'public' } },
    schema: { hide: true } as object,
    handler: async (_request, reply) =>
      reply
        .code(204)
        .headers({ 'access-control-allow-methods': 'GET, POST', 'access-control-allow-headers': 'Content-Type' })
        .send(),
  });
}

interface Parts {
  readonly linksOf: (slug: string) => HealthLinks;
  readonly tickets: Tickets;
}

function addManifest(app: FastifyInstance, node: Node, { linksOf, tickets }: Parts): void {
  const file = object({ contentType: text(64), embedded: text(4_000_000), location: text(400) }, [
    'embedded',
    'location',
  ]);
  addRoute<InLink, unknown, Asked>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/shl/:link',
    access: { kind: 'public' },
    perMinute: OPENED_PER_MINUTE,
    summary: 'The manifest of a SMART Health Link: encrypted files, or where they lie for an hour.',
    params: inLink,
    body: object({ recipient, passcode: text(128), embeddedLengthMax: schema.count }, [
      'passcode',
      'embeddedLengthMax',
    ]),
    answer: object({ files: list(file, FILES_MAX) }),
    handle: async ({ params, body, request, reply }) => {
      const links = linksOf(params.org);
      const opening = await links.open(params.link, body.passcode);
      if (opening.kind === 'none') {
        await noteRefused(node, params.org, opening.refused);
        throw unknownLink();
      }
      if (opening.kind === 'passcode') {
        request.refusal = 'wrong-credentials';
        const { remainingAttempts, wrongFor } = opening;
        if (wrongFor !== null) await noteWrongPasscode(node, params.org, wrongFor, body.recipient);
        return reply.code(401).type('application/json').serializer(JSON.stringify).send({ remainingAttempts });
      }
      const { link } = opening;
      // A reader of the other kind would get the file without what the manifest asks for.
      if (link.flags.includes('U')) throw unknownLink();
      await noteOpening(node, params.org, link, body.recipient);
      const limit = body.embeddedLengthMax ?? EMBEDDED_CHARACTERS;
      const files = await Promise.all(
        link.contentTypes.map(async (contentType, number) => {
          const jwe = await links.readFile(params.link, number);
          if (jwe === undefined) throw unknownLink();
          if (jwe.length <= limit) return { contentType, embedded: jwe };
          const { origin } = new URL(readHosted(node, params.org).baseUrl);
          const ticket = tickets.draw(params.link, number);
          return { contentType, location: `${origin}/api/v1/orgs/${params.org}/shl/${params.link}/files/${ticket}` };
        }),
      );
      return { files };
    },
  });
}

function addFiles(app: FastifyInstance, node: Node, { linksOf, tickets }: Parts): void {
  addRoute<InLink, { readonly recipient: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/shl/:link',
    access: { kind: 'public' },
    perMinute: OPENED_PER_MINUTE,
    summary: 'The one encrypted file of a SMART Health Link with the flag U.',
    params: inLink,
    query: object({ recipient }),
    answer: 'bytes',
    handle: async ({ params, query, reply }) => {
      const links = linksOf(params.org);
      const opening = await links.open(params.link, undefined);
      if (opening.kind === 'none') await noteRefused(node, params.org, opening.refused);
      if (opening.kind !== 'open' || !opening.link.flags.includes('U')) throw unknownLink();
      await noteOpening(node, params.org, opening.link, query.recipient);
      const jwe = await links.readFile(params.link, 0);
      if (jwe === undefined) throw unknownLink();
      return reply.type(JOSE_TYPE).send(Buffer.from(jwe));
    },
  });
  addRoute<InLink & { readonly ticket: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/shl/:link/files/:ticket',
    access: { kind: 'public' },
    perMinute: OPENED_PER_MINUTE,
    summary: 'One encrypted file that a manifest named; for an hour, and no longer than the link itself.',
    params: object({ org: schema.organisation, link: hash, ticket: hash }),
    answer: 'bytes',
    handle: async ({ params, reply }) => {
      const number = tickets.find(params.ticket, params.link);
      const jwe = number === undefined ? undefined : await linksOf(params.org).readFile(params.link, number);
      if (jwe === undefined) throw unknownLink();
      return reply.type(JOSE_TYPE).send(Buffer.from(jwe));
    },
  });
}

/** The patient sees each opening, with what the reader says of itself; it is durable before a file leaves. */
async function noteOpening(node: Node, slug: string, { pid }: HealthLink, said: string): Promise<void> {
  const { vault } = readHosted(node, slug);
  await vault.audit.append({
    ...{ kind: 'export', atMs: vault.clock(), pid, who: null, purpose: 'PATRQT', grant: null, session: null },
    ...{ records: [], outcome: 'ok', request: null, query: `health link, opened by: ${said}` },
  });
}

/** A link takes few wrong passcodes in its life: the log cannot be filled so. */
async function noteWrongPasscode(node: Node, slug: string, { pid }: HealthLink, said: string): Promise<void> {
  const { vault } = readHosted(node, slug);
  await vault.audit.append({
    ...{ kind: 'refusal', atMs: vault.clock(), pid, who: null, purpose: 'PATRQT', grant: null, session: null },
    ...{ records: [], outcome: 'wrong-credentials', request: null, query: `health link, wrong passcode by: ${said}` },
  });
}

/** Without a word of whoever came: after its end a link is worth nothing, and what they say of themselves neither. */
async function noteRefused(node: Node, slug: string, refused: RefusedOpening | null): Promise<void> {
  if (refused === null) return;
  const { vault } = readHosted(node, slug);
  await vault.audit.append({
    ...{ kind: 'refusal', atMs: vault.clock(), pid: refused.pid, who: null, purpose: 'PATRQT', grant: null },
    ...{ session: null, records: [], outcome: 'not-found', request: null },
    query: `health link, opened after its end: ${refused.state}`,
  });
}

/** Revoked, expired, locked and never made are told by the same answer. */
function unknownLink(): ServerError {
  return new ServerError('not-found', 'There is no such link, or no longer.');
}
