import { createServer } from 'node:net';
import { credentialsFile } from './demonstration/credentials.ts';
import { createHttp } from './http/server.ts';
import { createMetrics } from './metrics.ts';
import { openData } from './open-data.ts';
import { addRoutes } from './routes/routes.ts';
import { ServerError } from './server-error.ts';
import type { Settings } from './settings.ts';

export interface RunningServer {
  /** Where it listens, with the port that the system gave when the setting was 0. */
  readonly url: string;
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
export async function startServer(settings: Settings, logTo?: (line: string) => void): Promise<RunningServer> {
  // Said before minutes may go into a founding.
  await demandFreePort(settings);
  const node = await openData(settings, Date.now);
  try {
    const metrics = createMetrics(async () => ({
      ledgerHeight: await node.ledger.height(),
      sessions: node.sessions.size,
    }));
    const app = await createHttp({
      settings,
      metrics,
      sessions: node.sessions,
      ...(logTo === undefined ? {} : { logTo }),
    });
    addRoutes(app, node, metrics);
    node.onFailure((error) => app.log.error({ err: error }, 'background task failed'));
    await app.listen({ host: settings.host, port: settings.port }).catch((error: unknown) => {
      throw isInUse(error) ? portInUse(settings.port) : error;
    });
    const address = app.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : settings.port;
    return {
      url:
        settings.port === 0
          ? `${settings.tls === null ? 'http' : 'https'}://${settings.host}:${port}`
          : settings.publicUrl,
      demonstration: node.demonstration,
      organisations: node.organisations.size,
      credentialsFile: credentialsFile(settings.configDirectory),
      close: async () => {
        await app.close();
        await node[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}

async function demandFreePort({ host, port }: Settings): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error) => reject(isInUse(error) ? portInUse(port) : error));
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && (error as { readonly code?: unknown }).code === 'EADDRINUSE';
}

function portInUse(port: number): ServerError {
  return new ServerError(
    'port-in-use',
    `Port ${port} is in use: stop what listens there, or set SALUS_PORT to another.`,
  );
}
