import { statfs } from 'node:fs/promises';
import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import { FABRIC_BLOCK_VERSION } from '@salus/ledger';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import type { Node } from '../node.ts';
import { FINDINGS_SHOWN_MAX, LedgerChecks } from './ledger-check.ts';

const ORGANISATIONS_MAX = 64;
const TEXT_MAX = 500;
const STEWARDS = [ADMINISTRATOR_ROLE, 'privacy-officer'] as const;

const { count, flag, hash, list, nullable, object, oneOf, organisation, text, timeMs } = schema;
const bytes = count;

/** What this node can tell of itself; nothing here is estimated or remembered from elsewhere. */
export function addNodeStateRoutes(app: FastifyInstance, node: Node): void {
  addState(app, node);
  addChecks(app, node);
}

function addState(app: FastifyInstance, node: Node): void {
  const access = { kind: 'session', who: ['staff'], roles: STEWARDS } as const;
  const checkpoint = object({ number: count, hash, organisations: list(organisation, ORGANISATIONS_MAX) });
  const contracts = object({ version: text(32), bundleHash: hash });
  addRoute(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/node',
    access,
    summary: 'How the node runs: engine, contracts in use, newest block and checkpoint, storage, memory and disk.',
    params: schema.org,
    answer: object({
      ...{ nowMs: timeMs, startedMs: timeMs, demonstration: flag },
      engine: oneOf(['embedded', 'fabric']),
      contracts: nullable(contracts),
      database: oneOf(['sqlite', 'postgresql']),
      objects: oneOf(['files', 's3']),
      hosted: list(organisation, ORGANISATIONS_MAX),
      ...{ height: count, headMs: timeMs, checkpoint, releasing: flag, alarms: count, sessions: count },
      rollbackNeeded: nullable(object({ from: count, to: count, hash })),
      memory: object({ usedBytes: bytes }),
      disk: object({ freeBytes: bytes, sizeBytes: bytes }),
      runtime: text(32),
    }),
    handle: async () => describeNode(node),
  });
}

async function describeNode(node: Node): Promise<object> {
  const { ledger, layout, organisations } = node;
  const height = await ledger.height();
  const head = (await ledger.block(height))!;
  const { number, hash: blockHash, signatures } = await ledger.checkpoint();
  const vouching = [...new Set(signatures.map(({ organisation: slug }) => slug))];
  const { bavail, blocks, bsize } = await statfs(layout.directory);
  return {
    ...{ nowMs: node.nowMs(), startedMs: node.startedMs, demonstration: node.demonstration },
    engine: head.header.version === FABRIC_BLOCK_VERSION ? 'fabric' : 'embedded',
    contracts: await contractsInUse(node, height),
    ...node.storage,
    hosted: [...organisations.keys()],
    ...{ height, headMs: head.header.timestampMs },
    checkpoint: { number, hash: blockHash, organisations: vouching },
    releasing: [...organisations.values()].every(({ vault }) => !vault.guard.isClosed),
    alarms: ledger.alarms?.().length ?? 0,
    sessions: node.sessions.size,
    rollbackNeeded: ledger.rollbackNeeded ?? null,
    memory: { usedBytes: process.memoryUsage.rss() },
    disk: { freeBytes: bavail * bsize, sizeBytes: blocks * bsize },
    runtime: `Node ${process.versions.node}`,
  };
}

/** Blocks that are looked at for the contracts that ran last: configuration blocks of a channel run none. */
const LOOK_BACK_MAX = 100;

/** Version and hash of the contracts, as the newest block that ran any names them. */
async function contractsInUse({ ledger }: Node, height: number): Promise<object | null> {
  for (let number = height; number >= Math.max(0, height - LOOK_BACK_MAX); number -= 1) {
    const header = (await ledger.block(number))!.header;
    if (header.version !== FABRIC_BLOCK_VERSION) return header.contracts;
    const ran = header.fabricTransactions.findLast(({ contracts }) => contracts !== undefined)?.contracts;
    if (ran !== undefined) return ran;
  }
  return null;
}

function addChecks(app: FastifyInstance, node: Node): void {
  const checks = new LedgerChecks(node, (error) => app.log.error({ err: error }, 'an integrity check failed'));
  const finding = object({ code: text(64), message: text(TEXT_MAX), block: nullable(count) });
  const report = object({
    ...{ startedMs: timeMs, endedMs: timeMs, blocks: count, transactions: count, signatures: count, versions: count },
    ...{ checkpoints: count, head: nullable(object({ number: count, hash })), findingsTotal: count },
    findings: list(finding, FINDINGS_SHOWN_MAX),
  });
  const state = object(
    {
      offered: flag,
      state: oneOf(['never', 'running', 'done', 'failed']),
      ...{ startedMs: timeMs, block: count, head: count, report },
    },
    ['startedMs', 'block', 'head', 'report'],
  );
  const url = '/api/v1/orgs/:org/ledger-check';
  addRoute(app, {
    ...{ method: 'GET', url, params: schema.org, answer: state },
    access: { kind: 'session', who: ['staff'], roles: STEWARDS },
    summary: 'The running or last integrity check of the ledger since this node was started.',
    handle: async () => ({ offered: checks.isOffered, ...checks.state }),
  });
  addRoute(app, {
    ...{ method: 'POST', url, params: schema.org, answer: state },
    access: { kind: 'session', who: ['staff'], roles: STEWARDS },
    summary:
      'Begins an integrity check unless one is running: a copy of the ledger is verified, every hash, signature, write set and checkpoint.',
    handle: async () => ({ offered: true, ...checks.begin() }),
  });
}
