import {
  type BundleWorkers,
  type ExchangePeer,
  openRevocationJournal,
  type Replay,
  replayRevocations,
  type VaultCaller,
  type Who,
} from '@salus/records';
import type { FastifyRequest } from 'fastify';
import type { DataLayout, NetworkFile } from './data-directory.ts';
import { EventHub } from './events/event-hub.ts';
import { openPeerDirectory, type PeerAddresses, readPeerAddresses } from './exchange/peer-directory.ts';
import { patientOf, sessionOf, staffOf } from './http/access.ts';
import { LEDGER_KEY_NAME } from './ledger-key.ts';
import { type MasterKeys, readMasterKeys } from './master-keys.ts';
import { type LedgerAlarm, type NodeLedger, openNodeLedger } from './node-ledger.ts';
import { type HostedOrganisation, openOrganisation } from './organisation.ts';
import { ServerError } from './server-error.ts';
import { endRevokedSessions } from './session-follower.ts';
import { Sessions } from './sessions.ts';
import type { Settings } from './settings.ts';
import { kindOfStorage, type StorageSettings } from './storage.ts';
import { followErasures } from './visit/visit-erasure.ts';

export type { HostedOrganisation } from './organisation.ts';

const RESEND_INTERVAL_MS = 60_000;

/** An open node: one ledger and the organisations that this process hosts. */
export interface Node extends AsyncDisposable {
  readonly network: string;
  readonly demonstration: boolean;
  readonly ledger: NodeLedger;
  readonly layout: DataLayout;
  /** Where backups of the running node are made. */
  readonly backupDirectory: string;
  /** The file outside the data directory that remembers how far the ledger was acknowledged. */
  readonly checkpointFile: string;
  readonly storage: { readonly database: 'sqlite' | 'postgresql'; readonly objects: 'files' | 's3' };
  readonly startedMs: number;
  readonly organisations: ReadonlyMap<string, HostedOrganisation>;
  readonly sessions: Sessions;
  /** Tells open pages what changed. */
  readonly events: EventHub;
  readonly nowMs: () => number;
  /** Sends known revocations again; until none is left that only an administrator can sign, nothing is released. */
  repeatRevocations(): Promise<Replay>;
  /** Where failures of background work are told; they never hold health data. */
  onFailure(listener: (error: unknown) => void): void;
  /** Where it is told that a block holds what it should not. */
  onAlarm(listener: (alarm: LedgerAlarm) => void): void;
}

export interface NodeOptions {
  readonly settings: Pick<
    Settings,
    'masterKeyFile' | 'checkpointFile' | 'backupDirectory' | 'publicUrl' | 'ledger' | 'exchangePeersFile'
  > &
    StorageSettings;
  readonly layout: DataLayout;
  readonly file: NetworkFile;
  readonly workers: BundleWorkers;
  readonly nowMs: () => number;
  /** A ledger that other nodes have open too, instead of the one that the settings name; its owner closes it. */
  readonly sharedLedger?: NodeLedger;
}

/** Opens ledger and vaults of a founded network; the data directory is locked by the caller. */
export async function openNode(options: NodeOptions): Promise<Node> {
  const { file, layout, settings, nowMs } = options;
  const startedMs = nowMs();
  const slugs = file.organisations.map(({ slug }) => slug);
  // Others submit to it as well: what they end here must be looked for in the blocks.
  const isShared = options.sharedLedger !== undefined || settings.ledger !== null;
  const names = isShared ? slugs : [LEDGER_KEY_NAME, ...slugs];
  const masterKeys = readMasterKeys(settings.masterKeyFile, names);
  const organisations = new Map<string, HostedOrganisation>();
  const failures = earlyList<unknown>();
  const alarms = earlyList<LedgerAlarm>();
  await using resources = new AsyncDisposableStack();
  const ledger =
    options.sharedLedger ??
    resources.use(
      await openNodeLedger({
        ...{ settings, layout, masterKeys, nowMs, network: file.network, onAlarm: alarms.tell },
        checkpointSigners: () => [...organisations.values()].map(({ slug, node }) => ({ organisation: slug, ...node })),
      }),
    );
  const journal = resources.use(
    await openRevocationJournal(journalFile(settings.checkpointFile), { ledger, onFailure: failures.tell }),
  );
  const closing = new AbortController();
  await openOrganisations(options, {
    ...{ ledger, masterKeys, organisations, resources, onFailure: failures.tell },
    closing: isShared ? closing : undefined,
  });
  const vaults = [...organisations.values()].map(({ vault }) => vault);
  const repeatRevocations = (): Promise<Replay> => replayRevocations(journal, vaults);
  // What was taken back stays taken back, also when an older backup was restored.
  await journal.catchUp();
  await repeatRevocations();
  journal.follow(failures.tell);
  const sessions = new Sessions(nowMs);
  const following = endRevokedSessions(ledger, sessions, closing.signal).catch(failures.tell);
  resources.defer(async () => {
    closing.abort();
    await following;
  });
  resources.use(resendDeliveries(organisations, failures.tell));
  resources.use(followErasures(organisations, { nowMs, tell: failures.tell }));
  const events = resources.use(new EventHub({ ledger, organisations, sessions, onFailure: failures.tell }));
  const held = resources.move();
  const { network, demonstration } = file;
  return {
    ...{ network, demonstration, ledger, layout, organisations, sessions, events, nowMs, repeatRevocations },
    ...{ backupDirectory: settings.backupDirectory, checkpointFile: settings.checkpointFile, startedMs },
    storage: kindOfStorage(settings),
    onFailure: failures.listen,
    onAlarm: alarms.listen,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** What no receipt has come for is sent again: at the start, since the last process may have ended in between, and later. */
function resendDeliveries(
  organisations: ReadonlyMap<string, HostedOrganisation>,
  tell: (error: unknown) => void,
): AsyncDisposable {
  const resendAll = async (): Promise<void> => {
    for (const { exchange } of organisations.values()) await exchange.deliveries.resendPending();
  };
  let running = resendAll().catch(tell);
  const timer = setInterval(() => {
    running = running.then(resendAll).catch(tell);
  }, RESEND_INTERVAL_MS);
  timer.unref();
  return {
    [Symbol.asyncDispose]: () => {
      clearInterval(timer);
      return running;
    },
  };
}

/** Revocations are remembered beside the checkpoint: a restored data directory must not forget them. */
export function journalFile(checkpointFile: string): string {
  return `${checkpointFile}.revocations`;
}

/** @throws ServerError `not-found` for an organisation that this process does not host. */
export function readHosted(node: Pick<Node, 'organisations'>, slug: string): HostedOrganisation {
  const organisation = node.organisations.get(slug);
  if (organisation === undefined) throw new ServerError('not-found', 'This node hosts no such organisation.');
  return organisation;
}

/** The member of staff of a session, as audit logs name people. */
export function memberOf(request: FastifyRequest): Who & { readonly kind: 'member' } {
  const { id, organisation, roles } = staffOf(request);
  return { kind: 'member', id, organisation, roles };
}

/** Who reads at home; the purpose is treatment unless a route says otherwise. */
export function readerOf(request: FastifyRequest): VaultCaller {
  return { kind: 'member', who: memberOf(request), purpose: 'TREAT' };
}

export function patientReaderOf(request: FastifyRequest): VaultCaller & { readonly kind: 'patient' } {
  const { pid, kid, guardian } = patientOf(request);
  return { kind: 'patient', who: patientWho(pid, kid, guardian) };
}

/** A patient as audit logs name them; what a guardian did for them is told apart. */
export function patientWho(pid: string, kid: string, guardian: object | undefined): Who & { readonly kind: 'patient' } {
  return { kind: 'patient', pid, kid, ...(guardian === undefined ? {} : { guardian: true }) };
}

/**
 * Who writes: the organisation's node signs, under the delegation that the person's own key has signed for this session.
 *
 * @throws ServerError `delegation-missing`
 */
export function writerOf(node: Node, request: FastifyRequest): Extract<VaultCaller, { kind: 'writer' }> {
  const { delegation } = sessionOf(request);
  const who = memberOf(request);
  if (delegation === null || delegation.payload.notAfterMs <= node.nowMs()) {
    throw new ServerError(
      'delegation-missing',
      'Writing needs a delegation signed by your own key: POST it to /delegations first.',
    );
  }
  const submitter = readHosted(node, who.organisation).node;
  return { kind: 'writer', writer: { submitter, onBehalfOf: delegation, who }, purpose: 'TREAT' };
}

interface Parts {
  readonly ledger: NodeLedger;
  readonly masterKeys: MasterKeys;
  readonly organisations: Map<string, HostedOrganisation>;
  readonly resources: AsyncDisposableStack;
  readonly onFailure: (error: unknown) => void;
  /** Until it aborts vaults follow what others end; undefined where nobody else submits. */
  readonly closing: AbortController | undefined;
}

async function openOrganisations(options: NodeOptions, parts: Parts): Promise<void> {
  const { file, layout, settings, workers, nowMs } = options;
  const { ledger, masterKeys, organisations, resources, onFailure, closing } = parts;
  const peersFile = settings.exchangePeersFile;
  const addresses = peersFile === null ? undefined : readPeerAddresses(peersFile);
  for (const { slug, node } of file.organisations) {
    const from = (await ledger.height()) + 1;
    const peers = { find: (_slug: string): ExchangePeer | undefined => undefined };
    const organisation = await openOrganisation({
      slug,
      nodeId: node,
      directory: layout.organisation(slug),
      storage: settings,
      masterKey: masterKeys.get(slug)!,
      ledger,
      nowMs,
      publicUrl: settings.publicUrl,
      workers,
      findPublicUrl: (peer) => (organisations.has(peer) ? undefined : addresses?.get(peer)?.public),
      findPeer: (peer) => organisations.get(peer)?.exchange.gateway ?? peers.find(peer),
      onFailure,
    });
    organisations.set(slug, resources.use(organisation));
    if (addresses !== undefined) peers.find = await openPeers(organisation, addresses, { ledger, nowMs, resources });
    if (closing !== undefined) followLeaves(organisation, { from, closing, onFailure, resources });
  }
}

async function openPeers(
  organisation: HostedOrganisation,
  addresses: PeerAddresses,
  { ledger, nowMs, resources }: Pick<Parts, 'ledger' | 'resources'> & Pick<NodeOptions, 'nowMs'>,
): Promise<(slug: string) => ExchangePeer | undefined> {
  const identity = await organisation.openTlsIdentity();
  const directory = resources.use(openPeerDirectory({ addresses, identity, ledger, nowMs }));
  return (slug) => directory.find(slug);
}

/** An erasure that two other organisations decide reaches the store that keeps the record, like every correction. */
function followLeaves(
  { vault }: HostedOrganisation,
  {
    from,
    closing,
    onFailure,
    resources,
  }: Pick<Parts, 'onFailure' | 'resources'> & { readonly from: number; readonly closing: AbortController },
): void {
  const following = vault.leafStates.follow(from, closing.signal).catch(onFailure);
  resources.defer(() => {
    closing.abort();
    return following;
  });
}

/** What is told before somebody listens is kept: a start must not swallow failures. */
function earlyList<T>(): { tell(told: T): void; listen(listener: (told: T) => void): void } {
  const early: T[] = [];
  let listener = (told: T): void => void early.push(told);
  return {
    tell: (told) => listener(told),
    listen: (given) => {
      listener = given;
      for (const told of early.splice(0)) given(told);
    },
  };
}
