import type { TestServer } from './hospital.ts';

/** Where a test's server listens; it starts to when first asked. */
export async function portOf({ app }: TestServer): Promise<number> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server listens on a port');
  return address.port;
}
