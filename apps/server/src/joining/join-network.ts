import { existsSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { identityKey, type RootsFact, rootsKey, type SignedCall } from '@salus/contracts';
import { LedgerError } from '@salus/ledger';
import type { BundleWorkers } from '@salus/records';
import type { DataLayout, NetworkFile } from '../data-directory.ts';
import { ensureMasterKeys } from '../master-keys.ts';
import { type NodeLedger, openNodeLedger } from '../node-ledger.ts';
import { ServerError } from '../server-error.ts';
import type { Settings } from '../settings.ts';
import { findJoining, type Joining, writeApplication } from './joining-file.ts';
import { prepareJoining } from './prepare-joining.ts';
import { callForNow } from './presigned.ts';

/** How often the ledger is looked at while the members decide. */
const LOOK_MS = 200;
/** Peers and orderers may still be starting when the node does. */
const SUBMITS_MAX = 60;
const SUBMIT_PAUSE_MS = 500;
const CHECKPOINT_LINE_BYTES_MAX = 1024 * 1024;

export interface JoinOptions {
  readonly settings: Settings;
  readonly layout: DataLayout;
  /** Of the Fabric connection: who this node is, and whether it founds. */
  readonly connection: { readonly network: string; readonly organisation: string; readonly founder: boolean };
  readonly workers: BundleWorkers;
  readonly nowMs: () => number;
  /** Told what an operator has to do while the node waits. */
  readonly tell: (message: string) => void;
  /** A ledger that is open already; its owner closes it. */
  readonly sharedLedger?: NodeLedger;
}

/**
 * Makes an empty data directory that of an organisation on an existing channel: the founder founds, everybody else
 * writes an application and waits until the members have admitted it. A process that ends meanwhile goes on where it was.
 *
 * @throws ServerError `ledger-missing` where the network lists the organisation although its keys are not here,
 *   `conflict` where it lists another's authority under its name, or the application lapsed
 */
export async function joinNetwork(options: JoinOptions): Promise<NetworkFile> {
  const { settings, layout, connection, nowMs } = options;
  const { network, organisation: slug, founder } = connection;
  demandOwnCheckpoint(settings.checkpointFile, network);
  const masterKeys = ensureMasterKeys(settings.masterKeyFile, [slug]);
  await using resources = new AsyncDisposableStack();
  const ledger =
    options.sharedLedger ??
    resources.use(
      await openNodeLedger({
        ...{ settings, layout, network, masterKeys, nowMs },
        checkpointSigners: () => [],
        // Kept by the engine, and told again by the node that opens next.
        onAlarm: () => undefined,
      }),
    );
  const known = findJoining(layout, network);
  if (known === undefined) await demandUnlisted(ledger, slug);
  const place = { settings, layout, ledger, masterKey: masterKeys.get(slug)!, workers: options.workers, nowMs };
  const joining = known ?? (await prepareJoining(place, { slug, founder }));
  await enter(ledger, joining, options);
  return {
    network,
    organisations: [{ slug, node: joining.node }],
    demonstration: joining.demonstration,
    ledgerKey: null,
  };
}

/** The last step, once network.json is there. */
export function endJoining({ joiningFile }: DataLayout): void {
  rmSync(joiningFile, { force: true });
}

async function enter(ledger: NodeLedger, joining: Joining, options: JoinOptions): Promise<void> {
  const { organisation, authority, node, founding, enrolment } = joining;
  if (founding.length > 0) {
    if ((await findRoots(ledger, organisation)) === undefined) await submit(ledger, founding, options);
  } else {
    await awaitAdmission(ledger, joining, options);
  }
  const roots = await findRoots(ledger, organisation);
  if (roots?.ca.some(({ certificate }) => certificate === authority) !== true) {
    throw new ServerError('conflict', `The network lists another authority for ${organisation} than this node’s.`);
  }
  if ((await ledger.get(identityKey(node))) === undefined) await submit(ledger, enrolment, options);
}

async function awaitAdmission(ledger: NodeLedger, joining: Joining, options: JoinOptions): Promise<void> {
  const { organisation, application } = joining;
  if ((await findRoots(ledger, organisation)) !== undefined) return;
  const { applicationFile } = options.settings;
  writeApplication(applicationFile, joining);
  options.tell(
    `${organisation} waits to be admitted: its application is in ${applicationFile}. A member’s administrator proposes it with: salus staff admit ${applicationFile}`,
  );
  while ((await findRoots(ledger, organisation)) === undefined) {
    if (options.nowMs() > Number(application?.application.notAfterMs)) {
      throw new ServerError(
        'conflict',
        'The application lapsed before the members decided: remove SALUS_DATA and start again.',
      );
    }
    await wait(LOOK_MS);
  }
}

async function submit(ledger: NodeLedger, calls: readonly SignedCall[], { nowMs }: JoinOptions): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const call = callForNow(calls, nowMs());
    if (call === undefined) {
      throw new ServerError('conflict', 'What the administrator signed has lapsed: remove SALUS_DATA and start again.');
    }
    try {
      const outcome = await ledger.submit(call);
      if (outcome.kind === 'committed') return;
      const { transaction } = call.payload;
      throw new ServerError(
        'conflict',
        `membership.${transaction} was refused: ${outcome.code} ${outcome.detail ?? ''}`,
      );
    } catch (error) {
      const mayPass = error instanceof LedgerError && error.code === 'unavailable' && attempt < SUBMITS_MAX;
      if (!mayPass) throw error;
      await wait(SUBMIT_PAUSE_MS);
    }
  }
}

async function findRoots(ledger: NodeLedger, slug: string): Promise<RootsFact | undefined> {
  return (await ledger.get(rootsKey(slug))) as RootsFact | undefined;
}

/** An organisation's keys exist once: another set of them could open nothing of what it has. */
async function demandUnlisted(ledger: NodeLedger, slug: string): Promise<void> {
  if ((await findRoots(ledger, slug)) === undefined) return;
  throw new ServerError(
    'ledger-missing',
    `The network lists ${slug} already, and SALUS_DATA does not hold its keys: restore its backup, or name its directory with SALUS_DATA.`,
  );
}

/** The checkpoint of another network says nothing of this one, and vouches for what may be missed. */
function demandOwnCheckpoint(file: string, network: string): void {
  if (!existsSync(file)) return;
  const line = readFileSync(file).subarray(0, CHECKPOINT_LINE_BYTES_MAX).toString().split('\n')[0] ?? '';
  const found = /"network":"([A-Za-z0-9_-]{22})"/.exec(line)?.[1];
  if (found === undefined || found === network) return;
  throw new ServerError(
    'ledger-missing',
    `${file} vouches for the ledger of another network: name another with SALUS_CHECKPOINT_FILE, or move that file away.`,
  );
}
