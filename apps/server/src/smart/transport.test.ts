import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestServer, type TestServer } from '../../test/hospital.ts';
import { createHttp } from '../http/server.ts';
import { createMetrics } from '../metrics.ts';
import { addOauthRoutes } from './oauth-routes.ts';
import { SmartServers } from './smart-server.ts';

let server: TestServer;
let port: number;
let closing: () => Promise<unknown>;

beforeAll(async () => {
  server = await openTestServer(['hospital-a']);
  const { node, directory } = server;
  const { key, certificate } = await node.organisations.get('hospital-a')!.openTlsIdentity();
  const tls = { certificateFile: join(directory, 'tls.pem'), keyFile: join(directory, 'tls.key') };
  writeFileSync(tls.certificateFile, certificate);
  writeFileSync(tls.keyFile, key, { mode: 0o600 });
  const metrics = createMetrics(async () => ({ ledgerHeight: 0, sessions: 0, alarms: 0 }));
  const settings = { publicUrl: 'https://hospital-a.example', tls, logLevel: 'silent', metricsToken: null } as const;
  const app = await createHttp({ settings, metrics, sessions: node.sessions });
  addOauthRoutes(app, node, new SmartServers(node));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
  closing = () => app.close();
}, 240_000);
afterAll(async () => {
  await closing?.();
  await server?.[Symbol.asyncDispose]();
});

/** The protocol that was agreed, or the code of the refusal. */
function shake(minVersion: SecureVersion, maxVersion: SecureVersion): Promise<string> {
  return new Promise((resolve) => {
    // Old versions are off in OpenSSL's own defaults: the client is made to offer them.
    const ciphers = 'DEFAULT@SECLEVEL=0';
    const socket = connect(
      { host: '127.0.0.1', port, minVersion, maxVersion, ciphers, rejectUnauthorized: false },
      () => {
        resolve(socket.getProtocol() ?? 'none');
        socket.end();
      },
    );
    socket.once('error', (error: Error & { readonly code?: string }) => resolve(error.code ?? error.message));
  });
}

describe('SMART endpoints secured by transport layer security (Inferno)', () => {
  it('Server allows TLS 1.2 and 1.3, and refuses every older version', async () => {
    expect(await shake('TLSv1.3', 'TLSv1.3')).toBe('TLSv1.3');
    expect(await shake('TLSv1.2', 'TLSv1.2')).toBe('TLSv1.2');
    expect(await shake('TLSv1.1', 'TLSv1.1')).toMatch(/^ERR_SSL|^ECONNRESET$/);
    expect(await shake('TLSv1', 'TLSv1')).toMatch(/^ERR_SSL|^ECONNRESET$/);
  });
});
