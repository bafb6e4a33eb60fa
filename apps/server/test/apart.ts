import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openEmbeddedLedger } from '@salus/ledger';
import { BundleWorkers } from '@salus/records';
import { freePort } from '@salus/testing';
import { type DataLayout, dataLayout, type NetworkFile } from '../src/data-directory.ts';
import { castOf } from '../src/demonstration/cast.ts';
import { CONSORTIUM } from '../src/demonstration/consortium.ts';
import { createExchangeListener } from '../src/exchange/exchange-listener.ts';
import { foundDirectory } from '../src/founded-directory.ts';
import type { FoundedOrganisation } from '../src/founding.ts';
import { openLog } from '../src/http/log.ts';
import { LEDGER_KEY_NAME, openLedgerKey } from '../src/ledger-key.ts';
import { readMasterKeys } from '../src/master-keys.ts';
import { createMetrics, type Metrics } from '../src/metrics.ts';
import { type Node, openNode } from '../src/node.ts';
import type { NodeLedger } from '../src/node-ledger.ts';
import { type Acting, makePlace, type TestPlace } from './consortium.ts';

/** One organisation's node with its own directory, and its door for the others. */
export interface NodeApart {
  readonly slug: string;
  readonly layout: DataLayout;
  readonly node: Node;
  readonly url: string;
  readonly metrics: Metrics;
  readonly log: readonly string[];
}

/** Organisations that share a ledger and nothing else: each has a node of its own, and they meet over mutual TLS. */
export interface Apart extends Acting, AsyncDisposable, TestPlace {
  readonly ledger: NodeLedger;
  readonly organisations: readonly FoundedOrganisation[];
  readonly failures: readonly unknown[];
  at(slug: string): NodeApart;
  founded(slug: string): FoundedOrganisation;
}

/** @param options.addresses replaces the address of an organisation's exchange, for what stands in between. */
export async function openApart(
  slugs: readonly string[],
  options: {
    readonly addresses?: (slug: string, url: string) => string;
    readonly requestTimeoutMs?: number;
  } = {},
): Promise<Apart> {
  const place = makePlace('apart');
  const workers = new BundleWorkers(1);
  workers.start();
  let aheadMs = 0;
  const clock = {
    nowMs: () => Date.now() + aheadMs,
    advance: (ms: number) => {
      aheadMs += ms;
    },
  };
  const { file, organisations } = await found(place, slugs, { workers, nowMs: clock.nowMs });
  await using resources = new AsyncDisposableStack();
  resources.defer(() => rm(place.directory, { recursive: true }));
  resources.use(workers);
  const ledger = resources.use(await openShared(place, file, clock.nowMs));
  const ports = await Promise.all(slugs.map(freePort));
  const urls = new Map(slugs.map((slug, at) => [slug, `https://127.0.0.1:${ports[at]}`]));
  const peers = Object.fromEntries([...urls].map(([slug, url]) => [slug, options.addresses?.(slug, url) ?? url]));
  const failures: unknown[] = [];
  const nodes = new Map<string, NodeApart>();
  for (const [at, slug] of slugs.entries()) {
    const opened = await openOne(place, { slug, file, ledger, workers, peers, nowMs: clock.nowMs });
    resources.use(opened.node);
    opened.node.onFailure((error) => failures.push(error));
    const organisation = opened.node.organisations.get(slug)!;
    const metrics = createMetrics(async () => ({ ledgerHeight: 0, sessions: 0, alarms: 0 }));
    const log: string[] = [];
    const door = await createExchangeListener({
      gateway: organisation.exchange.gateway,
      ledger,
      identity: await organisation.openTlsIdentity(),
      nowMs: clock.nowMs,
      log: openLog('debug', (line) => log.push(line)),
      metrics,
      ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
    });
    resources.defer(() => door.close());
    await door.listen({ host: '127.0.0.1', port: ports[at]! });
    nodes.set(slug, { slug, ...opened, url: urls.get(slug)!, metrics, log });
  }
  const hosted = new Map([...nodes.values()].flatMap(({ node }) => [...node.organisations]));
  const [first] = nodes.values();
  const members = organisations.flatMap((organisation) => organisation.members);
  const held = resources.move();
  return {
    ...place,
    ...{ ledger, organisations, failures, clock },
    cast: castOf({ ...first!.node, organisations: hosted }, members),
    at: (slug) => nodes.get(slug)!,
    founded: (slug) => organisations.find((organisation) => organisation.slug === slug)!,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

type Common = { readonly workers: BundleWorkers; readonly nowMs: () => number };

function found({ settings, layout }: TestPlace, slugs: readonly string[], common: Common) {
  const plans = CONSORTIUM.filter(({ slug }) => slugs.includes(slug)).map(({ slug, staff }) => ({
    slug,
    members: staff,
  }));
  return foundDirectory({ settings, layout, plans, demonstration: true, forgettable: [], ...common });
}

function openShared({ settings, layout }: TestPlace, file: NetworkFile, nowMs: () => number) {
  const keys = readMasterKeys(settings.masterKeyFile, [LEDGER_KEY_NAME]);
  return openEmbeddedLedger({
    file: layout.ledgerFile,
    signer: openLedgerKey(layout, keys, file.network),
    checkpointFile: settings.checkpointFile,
    checkpointSigners: () => [],
    clock: nowMs,
  });
}

interface One extends Common {
  readonly slug: string;
  readonly file: NetworkFile;
  readonly ledger: NodeLedger;
  readonly peers: Readonly<Record<string, string>>;
}

async function openOne({ directory, settings, layout: common }: TestPlace, one: One) {
  const { slug, file, ledger, workers, peers, nowMs } = one;
  const layout = dataLayout(join(directory, slug, 'data'));
  mkdirSync(dirname(layout.organisation(slug)), { recursive: true });
  renameSync(common.organisation(slug), layout.organisation(slug));
  const exchangePeersFile = join(directory, slug, 'peers.json');
  writeFileSync(exchangePeersFile, JSON.stringify(peers));
  const node = await openNode({
    settings: { ...settings, checkpointFile: join(directory, slug, 'checkpoint'), exchangePeersFile },
    layout,
    file: { ...file, organisations: file.organisations.filter((organisation) => organisation.slug === slug) },
    workers,
    nowMs,
    sharedLedger: ledger,
  });
  return { layout, node };
}
