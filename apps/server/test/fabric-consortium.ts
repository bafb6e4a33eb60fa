import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseJson } from '@salus/crypto';
import { BundleWorkers, RecordsError } from '@salus/records';
import { freePort } from '@salus/testing';
import { staffCall } from '@salus/wallet';
import { openWalletFile } from '@salus/wallet/node';
import { submitCall } from '../src/consent.ts';
import { dataLayout, writeNetworkFile } from '../src/data-directory.ts';
import { type Cast, castOf } from '../src/demonstration/cast.ts';
import { demonstrationDirectory, readCredentials } from '../src/demonstration/credentials.ts';
import { createExchangeListener } from '../src/exchange/exchange-listener.ts';
import type { FoundedMember } from '../src/founding.ts';
import { openLog } from '../src/http/log.ts';
import { endJoining, joinNetwork } from '../src/joining/join-network.ts';
import type { Application } from '../src/joining/joining-file.ts';
import { createMetrics } from '../src/metrics.ts';
import { type HostedOrganisation, type Node, openNode } from '../src/node.ts';
import { readSettings } from '../src/settings.ts';
import { type Acting, makePlace } from './consortium.ts';

/** How long a node may be behind another one. */
const BEHIND_MS = 60_000;
const LOOK_MS = 20;

/** Organisations on a Fabric network, a node each, all in this process; they share neither disk nor keys. */
export interface FabricConsortium extends Acting, AsyncDisposable {
  readonly network: string;
  node(slug: string): Node;
  readonly members: readonly FoundedMember[];
}

export async function openFabricConsortium(
  slugs: readonly string[],
  connectionFile: (slug: string) => string,
): Promise<FabricConsortium> {
  const { readFabricConnection } = await import('@salus/ledger-fabric');
  await using resources = new AsyncDisposableStack();
  const workers = resources.use(new BundleWorkers(1));
  workers.start();
  const { directory } = makePlace('fabric');
  resources.defer(() => rm(directory, { recursive: true, force: true }));
  const ports = new Map<string, number>();
  for (const slug of slugs) ports.set(slug, await freePort());
  const peersFile = join(directory, 'peers.json');
  const addresses = [...ports].map(([slug, port]) => [slug, `https://127.0.0.1:${port}`]);
  writeFileSync(peersFile, JSON.stringify(Object.fromEntries(addresses)));
  const nodes = new Map<string, Node>();
  const members: FoundedMember[] = [];
  const hosted = new Map<string, HostedOrganisation>();
  const castNow = (): Cast => castOf({ ...[...nodes.values()][0]!, organisations: hosted }, members);
  for (const slug of slugs) {
    const home = join(directory, slug);
    const environment = {
      ...{ SALUS_DATA: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config') },
      ...{ SALUS_LEDGER: connectionFile(slug), SALUS_EXCHANGE_PEERS: peersFile },
    };
    const settings = readSettings(environment, directory);
    const layout = dataLayout(settings.dataDirectory);
    const common = { settings, layout, workers, nowMs: Date.now };
    const connection = readFabricConnection(connectionFile(slug));
    const joining = joinNetwork({ ...common, connection, tell: () => undefined });
    if (nodes.size > 0) await admit(castNow(), [...nodes.keys()], settings.applicationFile);
    const file = await joining;
    const node = resources.use(await openNode({ ...common, file }));
    writeNetworkFile(layout, file);
    endJoining(layout);
    nodes.set(slug, node);
    const organisation = node.organisations.get(slug)!;
    hosted.set(slug, patiently(organisation));
    members.push(...(await membersOf(settings.configDirectory)));
    const door = await createExchangeListener({
      gateway: organisation.exchange.gateway,
      ledger: node.ledger,
      identity: await organisation.openTlsIdentity(),
      nowMs: Date.now,
      log: openLog('silent'),
      metrics: createMetrics(async () => ({ ledgerHeight: 0, sessions: 0, alarms: 0 })),
    });
    resources.defer(() => door.close());
    await door.listen({ host: '127.0.0.1', port: ports.get(slug)! });
  }
  const [first] = nodes.values();
  const held = resources.move();
  return {
    network: first!.network,
    members,
    cast: castNow(),
    clock: { nowMs: Date.now, advance: () => undefined },
    node: (slug) => nodes.get(slug)!,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The first member proposes, the others vote, until it is decided. */
async function admit(cast: Cast, slugs: readonly string[], file: string): Promise<void> {
  while (!existsSync(file)) await wait(LOOK_MS);
  const { application, signature } = parseJson(readFileSync(file)) as unknown as Application;
  let args: object = { application, signature };
  for (const [at, slug] of slugs.entries()) {
    const transaction = at === 0 ? 'proposeJoin' : 'vote';
    const content = { contract: 'membership', transaction, args: args as never };
    const { call } = await staffCall(cast.staff(`${slug}.admin`), cast.occasion(), content);
    const { result } = await submitCall(cast.organisation(slug), { call });
    const { proposal, status } = result as { readonly proposal: string; readonly status: string };
    if (status !== 'open') return;
    args = { proposal, approve: true };
  }
}

/** The demonstration's people, from the wallets that the node wrote for them. */
async function membersOf(configDirectory: string): Promise<readonly FoundedMember[]> {
  const { staff } = readCredentials(configDirectory);
  return Promise.all(
    staff.map(async ({ account, wallet, passphrase }) => {
      const stored = await openWalletFile(join(demonstrationDirectory(configDirectory), wallet), passphrase);
      if (stored.kind !== 'staff') throw new Error('a member of staff has a wallet of staff');
      const { organisation, id, roles, privateKey, chain } = stored;
      return { account, organisation, id, roles, chain, key: { privateKey, publicKey: '' } } as FoundedMember;
    }),
  );
}

/** A token may arrive a moment before the block that it opens: its bearer tries again. */
function patiently(organisation: HostedOrganisation): HostedOrganisation {
  const { tokens } = organisation.exchange;
  const receive: typeof tokens.receive = async (envelope, request) => {
    const startMs = performance.now();
    for (;;) {
      try {
        return await tokens.receive(envelope, request);
      } catch (error) {
        if (!(error instanceof RecordsError) || performance.now() - startMs > BEHIND_MS) throw error;
        await wait(LOOK_MS);
      }
    }
  };
  const patient = { receive, find: tokens.find.bind(tokens) } as unknown as typeof tokens;
  return { ...organisation, exchange: { ...organisation.exchange, tokens: patient } };
}
