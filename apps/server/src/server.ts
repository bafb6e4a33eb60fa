import { createServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { credentialsFile } from './demonstration/credentials.ts';
import { createExchangeListener } from './exchange/exchange-listener.ts';
import { resumeExports } from './fhir/operations/resume-exports.ts';
import { type Hl7Doors, openHl7 } from './hl7/open-hl7.ts';
import { openLog } from './http/log.ts';
import { createHttp } from './http/server.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { Node } from './node.ts';
import { openData } from './open-data.ts';
import { addRoutes } from './routes/routes.ts';
import { ServerError } from './server-error.ts';
import type { Settings } from './settings.ts';
import { BearerTokens } from './smart/bearer.ts';
import { SmartServers } from './smart/smart-server.ts';
import type { AppRecall } from './subscriptions/requester.ts';
import { Subscriptions } from './subscriptions/subscriptions.ts';
import { openWebApp } from './web/web-app.ts';
import { addWebRoutes } from './web/web-routes.ts';

export interface RunningServer {
  /** Where it listens, with the port that the system gave when the setting was 0. */
  readonly url: string;
  /** Where other organisations' nodes are answered; null where the settings open no such door. */
  readonly exchangeUrl: string | null;
  /** Where HL7 v2 messages are taken. */
  readonly hl7: Hl7Doors['listeners'];
  readonly demonstration: boolean;
  readonly organisations: number;
  readonly credentialsFile: string;
  /** Ends requests, sessions, vaults and ledger in this order and gives the data directory back. */
  close(): Promise<void>;
}

/**
 * Opens the data directory (founding a network in an empty one), reconciles what a crash left, and listens.
 *
 * @throws ServerError `port-in-use`, `data-directory-in-use`, `data-directory-foreign`, `master-key-missing`,
 *   `master-key-exposed`, `not-a-demonstration`
 */
export async function startServer(
  settings: Settings,
  logTo?: (line: string) => void,
  tell: (message: string) => void = () => undefined,
): Promise<RunningServer> {
  // Said before minutes may go into a founding.
  await demandFreePort(settings.host, settings.port, 'SALUS_PORT');
  if (settings.exchange !== null) {
    await demandFreePort(settings.exchange.host, settings.exchange.port, 'SALUS_EXCHANGE_PORT');
  }
  const node = await openData(settings, Date.now, tell);
  await using resources = new AsyncDisposableStack();
  resources.use(node);
  const metrics = createMetrics(async () => ({
    ledgerHeight: await node.ledger.height(),
    sessions: node.sessions.size,
    alarms: node.ledger.alarms?.().length ?? 0,
  }));
  const smart = new SmartServers(node);
  const apps = new BearerTokens(smart);
  const app = await createHttp({
    settings,
    metrics,
    sessions: node.sessions,
    apps,
    ...(logTo === undefined ? {} : { logTo }),
  });
  resources.defer(() => app.close());
  const recallApp: AppRecall = (slug, token) => apps.recall(slug, token);
  const onFailure = (error: unknown): void => app.log.error({ err: error }, 'background task failed');
  const subscriptions = resources.use(
    await Subscriptions.open(node, {
      endpoints: { listed: new Set(settings.subscriptionHosts), demonstration: node.demonstration },
      recallApp,
      registry: metrics.registry,
      onFailure,
    }),
  );
  subscriptions.listen(app.server);
  addRoutes(app, node, { metrics, smart, subscriptions });
  if (settings.webDirectory !== null) addWebRoutes(app, openWebApp(settings.webDirectory));
  node.onFailure(onFailure);
  node.onAlarm(({ block, txId, code }) =>
    app.log.error({ block, transaction: txId ?? 'none', code }, 'a block holds what it should not'),
  );
  await resumeExports(node, recallApp);
  const hl7 = resources.use(await openHl7(node, { file: settings.hl7File, registry: metrics.registry, onFailure }));
  const exchangeUrl = await openExchangeDoor(node, { settings, metrics, logTo, resources });
  await listen(app, { host: settings.host, port: settings.port, name: 'SALUS_PORT' });
  const scheme = settings.tls === null ? 'http' : 'https';
  const held = resources.move();
  return {
    url: settings.port === 0 ? `${scheme}://${settings.host}:${portOf(app)}` : settings.publicUrl,
    exchangeUrl,
    hl7: hl7.listeners,
    demonstration: node.demonstration,
    organisations: node.organisations.size,
    credentialsFile: credentialsFile(settings.configDirectory),
    close: () => held.disposeAsync(),
  };
}

/** Opens the door for other organisations' nodes where the settings ask for one. */
async function openExchangeDoor(
  node: Node,
  {
    settings,
    metrics,
    logTo,
    resources,
  }: {
    readonly settings: Settings;
    readonly metrics: Metrics;
    readonly logTo: ((line: string) => void) | undefined;
    readonly resources: AsyncDisposableStack;
  },
): Promise<string | null> {
  if (settings.exchange === null) return null;
  const [organisation, ...others] = node.organisations.values();
  if (organisation === undefined || others.length > 0) {
    throw new ServerError(
      'bad-setting',
      'SALUS_EXCHANGE_PORT is for a node of one organisation: those of one process meet without it.',
    );
  }
  const { host, port } = settings.exchange;
  const door = await createExchangeListener({
    gateway: organisation.exchange.gateway,
    ledger: node.ledger,
    identity: await organisation.openTlsIdentity(),
    nowMs: node.nowMs,
    log: openLog(settings.logLevel, logTo),
    metrics,
  });
  resources.defer(() => door.close());
  await listen(door, { host, port, name: 'SALUS_EXCHANGE_PORT' });
  return `https://${host}:${portOf(door)}`;
}

async function listen(
  app: FastifyInstance,
  { host, port, name }: { readonly host: string; readonly port: number; readonly name: string },
): Promise<void> {
  await app.listen({ host, port }).catch((error: unknown) => {
    throw isInUse(error) ? portInUse(port, name) : error;
  });
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function demandFreePort(host: string, port: number, name: string): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error) => reject(isInUse(error) ? portInUse(port, name) : error));
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && (error as { readonly code?: unknown }).code === 'EADDRINUSE';
}

function portInUse(port: number, name: string): ServerError {
  return new ServerError('port-in-use', `Port ${port} is in use: stop what listens there, or set ${name} to another.`);
}
