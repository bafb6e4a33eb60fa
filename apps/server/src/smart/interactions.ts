import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errors, type InteractionResults } from 'oidc-provider';
import { Gate } from '../gate.ts';
import { AttemptLimit } from '../http/attempt-limit.ts';
import { statusOf } from '../http/problem.ts';
import type { Node } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { admitPatientApp, admitStaffApp } from './admissions.ts';
import type { Approval, ApprovedState } from './approvals.ts';
import type { SmartClient } from './clients.ts';
import { type AskedPage, errorPage, pagePolicy, patientPage, staffPage } from './pages.ts';
import { parseScopes, type Scopes, usersOf } from './scopes.ts';
import type { SmartServer, SmartServers } from './smart-server.ts';
import { verifyStaff } from './staff-login.ts';

const FORM_BYTES_MAX = 4 * 1024;
const FIELD_CHARACTERS_MAX = 256;
const LOGINS_PER_ACCOUNT = 10;
const LOGIN_WINDOW_MS = 60_000;
/** For each address: a page that waits asks every few seconds, and a hospital may share one. */
const PAGES_PER_MINUTE = 1_200;
const PASSWORDS_AT_ONCE = 2;
const PASSWORDS_WAITING = 32;

interface InInteraction {
  readonly org: string;
  readonly uid: string;
}

/** An authorisation under way, as the cookie of its browser names it. */
export interface Interaction {
  readonly server: SmartServer;
  readonly uid: string;
  readonly client: SmartClient;
  readonly scopes: Scopes;
  readonly launch: string | null;
  readonly returnsTo: URL;
  /** Leaves only these scopes of what was asked for. */
  narrow(scope: string): Promise<void>;
}

/** The pages at which a person lets an app in. They need no script and work with a keyboard. */
export function addInteractions(scope: FastifyInstance, node: Node, servers: SmartServers): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: FORM_BYTES_MAX },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );
  const gate = new Gate({ running: PASSWORDS_AT_ONCE, waiting: PASSWORDS_WAITING });
  const attempts = new AttemptLimit({ attemptsMax: LOGINS_PER_ACCOUNT, windowMs: LOGIN_WINDOW_MS, nowMs: node.nowMs });
  const route = {
    url: '/:org/oauth/interaction/:uid',
    config: { access: { kind: 'public' as const }, rateLimit: { max: PAGES_PER_MINUTE, timeWindow: LOGIN_WINDOW_MS } },
    schema: { hide: true } as object,
    errorHandler: sendErrorPage,
  };
  scope.route<{ Params: InInteraction }>({
    ...route,
    method: 'GET',
    handler: async (request, reply) => {
      const interaction = await readInteraction(servers, request, reply);
      return isForStaff(interaction.scopes)
        ? sendPage(reply, interaction, staffPage(askedOf(interaction)))
        : answerPatient(request, reply, interaction);
    },
  });
  scope.route<{ Params: InInteraction; Body: Record<string, string> | undefined }>({
    ...route,
    method: 'POST',
    handler: async (request, reply) => {
      const interaction = await readInteraction(servers, request, reply);
      demandOwnOrigin(request, interaction.server);
      const { answer, account = '', password = '' } = request.body ?? {};
      if (answer === 'decline') return finish(request, reply, interaction, declined());
      if (answer !== 'allow' || !isForStaff(interaction.scopes) || !isField(account) || !isField(password)) {
        throw new ServerError('bad-request', 'The form is not as this page sends it.');
      }
      const person = await verifyStaff(interaction.server.organisation, { account, password, gate, attempts }).catch(
        refusedLogin,
      );
      if (person === undefined) {
        const problem = 'The account or the password is wrong.';
        return sendPage(reply.code(401), interaction, staffPage({ ...askedOf(interaction), problem }));
      }
      return finish(request, reply, interaction, await admitStaffApp(interaction, person, request.body?.patient));
    },
  });
}

async function answerPatient(request: FastifyRequest, reply: FastifyReply, interaction: Interaction) {
  const { server, uid, client, scopes, returnsTo } = interaction;
  const asked = { client, scopes, returnsTo: returnsTo.host };
  const { code, state }: Approval = await server.approvals.ofInteraction(uid, asked);
  switch (state.kind) {
    case 'open':
      return sendPage(reply, interaction, patientPage({ ...askedOf(interaction), code }));
    case 'declined':
      return finish(request, reply, interaction, declined());
    case 'approved':
      return finish(request, reply, interaction, await admitPatientApp(interaction, state as ApprovedState));
  }
}

/** Which of them is asked follows from the scopes. */
function isForStaff(scopes: Scopes): boolean {
  return usersOf(scopes) === 'staff';
}

/** @throws ServerError `not-found` where the browser has no such authorisation under way */
async function readInteraction(
  servers: SmartServers,
  request: FastifyRequest<{ Params: InInteraction }>,
  reply: FastifyReply,
): Promise<Interaction> {
  const server = await servers.read(request.params.org);
  try {
    const details = await server.provider.interactionDetails(request.raw, reply.raw);
    const { uid, params, exp } = details;
    const text = (name: string): string => (typeof params[name] === 'string' ? params[name] : '');
    const client = await server.clients.findLive(text('client_id'));
    if (uid === request.params.uid && client !== undefined) {
      const launch = text('launch') === '' ? null : text('launch');
      const returnsTo = new URL(text('redirect_uri'));
      const narrow = async (scope: string): Promise<void> => {
        params.scope = scope;
        await details.save(exp - Math.floor(Date.now() / 1000));
      };
      return { server, uid, client, scopes: parseScopes(text('scope')), launch, returnsTo, narrow };
    }
  } catch (error) {
    if (!(error instanceof errors.SessionNotFound)) throw error;
  }
  throw new ServerError('not-found', 'No app is being let in in this browser, or it took too long.');
}

async function finish(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { server }: Interaction,
  result: InteractionResults,
): Promise<FastifyReply> {
  const returnTo = await server.provider.interactionResult(raw, reply.raw, result, { mergeWithLastSubmission: false });
  return reply.redirect(returnTo, 303);
}

function declined(): InteractionResults {
  return { error: 'access_denied', error_description: 'The person declined.' };
}

/** The cookie is SameSite=Lax already; browsers say besides from where a form came. */
function demandOwnOrigin({ headers }: FastifyRequest, { issuer }: SmartServer): void {
  const { origin } = headers;
  if (origin !== undefined && origin !== 'null' && origin !== new URL(issuer).origin) {
    throw new ServerError('not-permitted', 'The form was sent from another place.');
  }
}

function refusedLogin(error: unknown): undefined {
  const isRefusal = error instanceof ServerError && ['wrong-credentials', 'not-permitted'].includes(error.code);
  if (!isRefusal) throw error;
}

function isField(value: string): boolean {
  return value !== '' && value.length <= FIELD_CHARACTERS_MAX;
}

function askedOf({ server, uid, client, scopes, returnsTo }: Interaction): AskedPage {
  return {
    organisation: server.organisation.slug,
    client: client.name,
    returnsTo: returnsTo.host,
    scopes: [...scopes.words, ...scopes.resources.map(({ text }) => text)],
    action: `${new URL(server.issuer).pathname}/interaction/${uid}`,
    asksPatient: isForStaff(scopes) && scopes.words.has('launch/patient'),
  };
}

function sendPage(reply: FastifyReply, { returnsTo }: Interaction, page: string): FastifyReply {
  return (
    reply
      // The form's answer leads back to the app: browsers hold redirects to form-action too.
      .header('content-security-policy', pagePolicy([returnsTo.origin]))
      .type('text/html; charset=utf-8')
      .send(page)
  );
}

function sendErrorPage(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const isKnown = error instanceof ServerError && error.code !== 'internal';
  if (!isKnown) request.log.error({ err: error }, 'internal error');
  const { code, message } = isKnown ? error : { code: 'internal', message: 'Something is wrong inside the node.' };
  request.refusal = code;
  const status = isKnown ? statusOf(code) : 500;
  void reply
    .code(status)
    .header('content-security-policy', pagePolicy())
    .type('text/html; charset=utf-8')
    .send(errorPage(code, message));
}
