import { grantCommitment, type PatientFact, patientKey, type SignedCall } from '@salus/contracts';
import { hashTuple, type SealedEnvelope, toBase64url } from '@salus/crypto';
import { LedgerError, type LedgerErrorCode } from '@salus/ledger';
import { isCohort } from '../cohort.ts';
import type { KnownDispute } from '../disputes.ts';
import type { KnownGrants } from '../known-grants.ts';
import type { LedgerView } from '../ledger-view.ts';
import { RecordsError } from '../records-error.ts';
import type { RollbackGuard } from '../rollback-guard.ts';
import type { AuditEvent, AuditKind, AuditLog, Denial, KeyRing, RecordRows, StoredRecord } from '../vault-types.ts';
import type { AttachmentPieces } from './attachment-pieces.ts';
import {
  type AttachmentBody,
  type AttachmentResult,
  type DelegateBody,
  type DelegateResult,
  type DeliveryBody,
  type DeliveryReceipt,
  type DisputesBody,
  type DisputesResult,
  type ExchangeOperation,
  type ExchangePeer,
  FETCH_RECORDS_MAX,
  type FetchBody,
  type FetchResult,
  type HandOnBody,
  type HandOnResult,
  type ManifestBody,
  type ManifestPage,
  type OpenBody,
  type OpenResult,
  type PeerAnswer,
  type PeerRequest,
  type PeerRequestPayload,
  type PlacesResult,
  REFERENCES_MAX,
  type ReferencesBody,
  type RefusedRecord,
  type ReleasedRecord,
} from './exchange-peer.ts';
import {
  type OpenParts,
  openPlaces,
  openSession,
  readRequest,
  type SubmittingLedger,
  submitDelegation,
} from './gateway-open.ts';
import { demandLiveSession, type GatewaySession, type Reader } from './gateway-session.ts';
import { buildManifestPage } from './manifest.ts';
import { demandBody, demandRequest } from './peer-bodies.ts';
import { PeerRequestGuard } from './peer-request.ts';
import { demandIds, joinRelease, ownerOf, type ReleaseParts, releaseRecord } from './release.ts';
import { grantedPairs, type PairIndex, termsRelease } from './release-rules.ts';
import { type SentDispute, sendDispute } from './sent-dispute.ts';
import { isObject } from './shapes.ts';

/** Releases per session that a reference may start from. */
const RELEASED_PER_SESSION_MAX = 100_000;
/** Sessions whose releases are remembered. */
const RELEASING_SESSIONS_MAX = 10_000;
/** Nothing is released while what it rests on cannot be read, or should not be there. */
const UNRELIABLE: ReadonlySet<LedgerErrorCode> = new Set(['distrusted', 'unavailable', 'contracts-unknown', 'stopped']);

export interface GatewayParts extends OpenParts, ReleaseParts {
  readonly organisation: string;
  readonly ledger: SubmittingLedger & LedgerView;
  readonly audit: AuditLog;
  readonly guard: RollbackGuard;
  readonly rows: RecordRows;
  readonly keyRing: KeyRing;
  readonly grants: Pick<KnownGrants, 'remember'>;
  readonly attachments: AttachmentPieces;
  listDenials(pid: string): Promise<readonly Denial[]>;
  /** The list that the patient sealed for a locate grant, once the ledger has opened it. */
  findPlaces(pid: string, grant: string): Promise<SealedEnvelope | undefined>;
  listDisputes(pid: string): Promise<readonly KnownDispute[]>;
  /** Takes a delivery whose request was verified. */
  acceptDelivery(payload: PeerRequestPayload<'deliver', DeliveryBody>): Promise<DeliveryReceipt>;
  /** Opens and keeps the token of a grant to this organisation. */
  acceptToken(body: HandOnBody): Promise<HandOnResult>;
}

/**
 * The author's side of the exchange: what other organisations can ask of this one. Nothing leaves unless the session
 * is alive at that very moment and the audit event is durable.
 */
export class Gateway implements ExchangePeer {
  readonly #parts: GatewayParts;
  readonly #requests: PeerRequestGuard;
  /** Records released in each session, for references that lead on from them. */
  readonly #released = new Map<string, Set<string>>();

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    this.#requests = new PeerRequestGuard(parts);
  }

  open(request: PeerRequest<'open', OpenBody>): Promise<PeerAnswer<OpenResult>> {
    return this.#answer(request, 'open', async (payload) => {
      const { body, from } = payload;
      const result = await openSession(this.#parts, from, body);
      const session = await this.#findSession(result.session, from);
      const kind = session.emergency ? 'emergency' : 'session';
      await this.#log(kind, { payload, session });
      return result;
    });
  }

  manifest(request: PeerRequest<'manifest', ManifestBody>): Promise<PeerAnswer<ManifestPage>> {
    return this.#answer(request, 'manifest', async (payload) => {
      const session = await this.#liveSession(payload.body.session, payload.from);
      const scope = this.#scope(session);
      const { page, shown } = await buildManifestPage(this.#parts, { owner: ownerOf(session), ...scope }, payload.body);
      await this.#log('search', { payload, session, records: shown });
      await this.#demandLive(session);
      return page;
    });
  }

  fetch(request: PeerRequest<'fetch', FetchBody>): Promise<PeerAnswer<FetchResult>> {
    return this.#answer(request, 'fetch', async (payload) => {
      const { records: ids, knownKeys, withProofs, keep = false } = payload.body;
      demandIds(ids, FETCH_RECORDS_MAX);
      const session = await this.#liveSession(payload.body.session, payload.from);
      if (keep && session.opened[0]?.terms.mayKeep !== true) {
        throw new RecordsError('denied', 'the terms of the grant allow no copy to be kept');
      }
      const scope = this.#scope(session);
      const find = async (recordId: string): Promise<StoredRecord | undefined> => {
        const record = await this.#parts.rows.findRecord(recordId);
        return record !== undefined && this.#isInScope(session, scope, record) ? record : undefined;
      };
      const result = await this.#release(payload, session, { ids, find, knownKeys, withProofs });
      if (keep) await this.#log('export', { payload, session, records: result.records });
      return result;
    });
  }

  references(request: PeerRequest<'references', ReferencesBody>): Promise<PeerAnswer<FetchResult>> {
    return this.#answer(request, 'references', async (payload) => {
      const { from: recordId, references, knownKeys } = payload.body;
      demandIds(references, REFERENCES_MAX);
      const session = await this.#liveSession(payload.body.session, payload.from);
      const from = this.#released.get(session.session)?.has(recordId)
        ? await this.#parts.rows.findRecord(recordId)
        : undefined;
      if (from === undefined) throw new RecordsError('not-found', 'this session released no such record');
      const find = async (reference: string): Promise<StoredRecord | undefined> => {
        if (!from.meta.references.includes(reference)) return undefined;
        const [type = '', id = ''] = reference.split('/');
        const record = await this.#parts.rows.findResource(type, id);
        const isOwn =
          record?.meta.owner === `org:${this.#parts.organisation}` &&
          record.status === 'current' &&
          !isCohort(record.meta);
        return isOwn ? record : undefined;
      };
      return this.#release(payload, session, { ids: references, find, knownKeys, withProofs: true });
    });
  }

  attachment(request: PeerRequest<'attachment', AttachmentBody>): Promise<PeerAnswer<AttachmentResult>> {
    return this.#answer(request, 'attachment', async (payload) => {
      const { recordId, version, attachmentId, piece } = payload.body;
      const session = await this.#liveSession(payload.body.session, payload.from);
      const record = await this.#parts.rows.findRecord(recordId, version);
      if (record === undefined || !this.#isInScope(session, this.#scope(session), record)) {
        throw new RecordsError('not-found', 'this session may read no such record');
      }
      const bytes = await this.#parts.attachments.readPiece(record, attachmentId, piece);
      await this.#log('read', { payload, session, records: [record] });
      await this.#demandLive(session);
      return { piece: toBase64url(bytes) };
    });
  }

  places(request: PeerRequest<'places', OpenBody>): Promise<PeerAnswer<PlacesResult>> {
    return this.#answer(request, 'places', async (payload) => {
      const { body, from } = payload;
      const reader = await this.#parts.findReader(from, body.chain, this.#parts.clock());
      if (reader === undefined) throw new RecordsError('signature-invalid', 'the chain certifies nobody of the asker');
      const { pid, grant } = await openPlaces(this.#parts, body);
      const sealed = await this.#parts.findPlaces(pid, grant);
      if (sealed === undefined) throw new RecordsError('not-found', 'the patient left no list for this grant');
      await this.#log('session', { payload, request: body.request, reader, pid, grant });
      this.#parts.guard.demandReleasing();
      return { sealed };
    });
  }

  disputes(request: PeerRequest<'disputes', DisputesBody>): Promise<PeerAnswer<DisputesResult>> {
    return this.#answer(request, 'disputes', async (payload) => {
      const session = await this.#liveSession(payload.body.session, payload.from);
      const scope = this.#scope(session);
      const disputes: SentDispute[] = [];
      for (const known of await this.#parts.listDisputes(session.pid)) {
        if (known.status === 'withdrawn') continue;
        const record = await this.#parts.rows.findRecord(known.recordId);
        if (record === undefined || !this.#isInScope(session, scope, record)) continue;
        const disputed = await this.#parts.rows.findRecord(known.recordId, known.version);
        if (disputed !== undefined) disputes.push(sendDispute(known, disputed));
      }
      await this.#log('read', { payload, session, records: disputes });
      await this.#demandLive(session);
      return { disputes };
    });
  }

  delegate(request: PeerRequest<'delegate', DelegateBody>): Promise<PeerAnswer<DelegateResult>> {
    return this.#answer(request, 'delegate', async (payload) => {
      const { body } = payload;
      await submitDelegation(this.#parts, body, grantCommitment({ hashTuple }, body.child));
      // From here on the node seals the pairs' keys to the new grantee, as for any grant.
      await this.#parts.grants.remember(body.child);
      const { pid, grant } = body.child.terms;
      await this.#log('delegation', { payload, request: body.request, pid, grant });
      return { grant };
    });
  }

  deliver(request: PeerRequest<'deliver', DeliveryBody>): Promise<PeerAnswer<DeliveryReceipt>> {
    return this.#answer(request, 'deliver', (payload) => this.#parts.acceptDelivery(payload), { releases: false });
  }

  handOn(request: PeerRequest<'handOn', HandOnBody>): Promise<PeerAnswer<HandOnResult>> {
    return this.#answer(request, 'handOn', ({ body }) => this.#parts.acceptToken(body), { releases: false });
  }

  /** Verifies the request, runs the operation, and turns refusals into values that the patient finds in the audit log. */
  async #answer<Operation extends ExchangeOperation, Body, Result>(
    request: PeerRequest<Operation, Body>,
    operation: Operation,
    run: (payload: PeerRequestPayload<Operation, Body>) => Promise<Result>,
    { releases } = { releases: true },
  ): Promise<PeerAnswer<Result>> {
    let payload: PeerRequestPayload<Operation, Body> | undefined;
    try {
      demandRequest(request);
      payload = await this.#requests.accept(request, operation);
      demandBody(operation, payload.body);
      if (releases) this.#parts.guard.demandReleasing();
      return { kind: 'ok', result: await run(payload) };
    } catch (error) {
      const code = refusalCode(error);
      if (code === undefined) throw error;
      // Who is not known to ask leaves no trace in a patient's log: anybody could fill it.
      if (payload !== undefined) await this.#logRefusal(payload, code);
      return { kind: 'refused', code };
    }
  }

  async #release(
    payload: PeerRequestPayload<ExchangeOperation, unknown>,
    session: GatewaySession,
    wanted: {
      readonly ids: readonly string[];
      readonly find: (id: string) => Promise<StoredRecord | undefined>;
      readonly knownKeys: readonly string[];
      readonly withProofs: boolean;
    },
  ): Promise<FetchResult> {
    const found: StoredRecord[] = [];
    const refused: RefusedRecord[] = [];
    for (const id of wanted.ids) {
      // Taken anew for each: a revocation may arrive between two objects of one answer.
      await this.#demandLive(session);
      const record = await wanted.find(id);
      if (record === undefined) refused.push({ recordId: id, code: 'not-found' });
      else found.push(record);
    }
    // The events become durable while the objects are read; nothing leaves before both are done.
    const [result] = await Promise.all([
      this.#join(session, { found, refused, ...wanted }),
      found.length > 0 ? this.#log('read', { payload, session, records: found }) : undefined,
      refused.length > 0 ? this.#log('refusal', { payload, session, outcome: 'not-found' }) : undefined,
    ]);
    await this.#demandLive(session);
    this.#remember(session.session, found);
    return result;
  }

  async #join(
    session: GatewaySession,
    {
      found,
      refused,
      knownKeys,
      withProofs,
    }: {
      readonly found: readonly StoredRecord[];
      readonly refused: readonly RefusedRecord[];
      readonly knownKeys: readonly string[];
      readonly withProofs: boolean;
    },
  ): Promise<FetchResult> {
    const records: ReleasedRecord[] = [];
    for (const record of found) records.push(await releaseRecord(this.#parts, record, { withProofs }));
    return joinRelease(this.#parts, session, { records, refused, knownKeys });
  }

  #isInScope(session: GatewaySession, scope: Scope, record: StoredRecord): boolean {
    if (record.meta.owner !== ownerOf(session) || record.status !== 'current') return false;
    return scope.releases(record, record.meta.pair);
  }

  /** What the session may see by its terms. */
  #scope(session: GatewaySession): Scope {
    const terms = session.opened[0]?.terms ?? null;
    const pairs = grantedPairs(terms, session.categories);
    const allowed = new Set(pairs);
    return { pairs, releases: (record, pair) => allowed.has(pair) && termsRelease(terms, record) };
  }

  async #liveSession(id: string, from: string): Promise<GatewaySession> {
    const session = await this.#findSession(id, from);
    await this.#demandLive(session);
    return session;
  }

  async #findSession(id: string, from: string): Promise<GatewaySession> {
    const session = await this.#parts.sessions.find(id);
    if (session?.reader.organisation !== from) throw new RecordsError('not-found', 'no such session of the asker');
    return session;
  }

  async #demandLive(session: GatewaySession): Promise<void> {
    this.#parts.guard.demandReleasing();
    await demandLiveSession(this.#parts, session);
  }

  #remember(session: string, records: readonly StoredRecord[]): void {
    const released = this.#released.get(session) ?? new Set<string>();
    for (const { recordId } of records) if (released.size < RELEASED_PER_SESSION_MAX) released.add(recordId);
    this.#released.delete(session);
    if (this.#released.size >= RELEASING_SESSIONS_MAX) {
      const [oldest] = this.#released.keys();
      if (oldest !== undefined) this.#released.delete(oldest);
    }
    this.#released.set(session, released);
  }

  async #log(kind: AuditKind, about: LogAbout): Promise<void> {
    await this.#parts.audit.append(auditEvent(kind, this.#parts.clock(), about));
  }

  async #logRefusal(payload: PeerRequestPayload<ExchangeOperation, unknown>, outcome: string): Promise<void> {
    const body = isObject(payload.body) ? payload.body : {};
    if (typeof body.session === 'string') {
      const session = await this.#parts.sessions.find(body.session);
      if (session !== undefined) return this.#log('refusal', { payload, session, outcome });
    }
    // Only what is a signed call at all is looked into.
    const request = outcome === 'bad-input' ? undefined : (body.request as SignedCall | undefined);
    const pid = request === undefined ? null : await this.#ownPid(request);
    if (request === undefined || pid === null) return this.#log('refusal', { payload, outcome });
    const reader = await this.#findAsker(payload, outcome);
    await this.#log('refusal', { payload, outcome, request, pid, ...(reader === undefined ? {} : { reader }) });
  }

  /** The person whose refused request this is, as certified; the request stands in the log for whoever checks it. */
  async #findAsker(
    { body, from }: PeerRequestPayload<ExchangeOperation, unknown>,
    outcome: string,
  ): Promise<Reader | undefined> {
    // These say that nobody knows whose it is: the log names the node that brought it.
    if (outcome === 'signature-invalid' || outcome === 'certificate-invalid') return undefined;
    const { request, chain } = body as { readonly request: SignedCall; readonly chain?: unknown };
    if (!Array.isArray(chain) || !chain.every((link) => typeof link === 'string')) return undefined;
    const reader = await this.#parts.findReader(from, chain, this.#parts.clock());
    return reader !== undefined && request.payload.signer === `id:${reader.id}` ? reader : undefined;
  }

  /** The pid that a refused request names, when it is one of this organisation's patients. */
  async #ownPid(request: SignedCall): Promise<string | null> {
    try {
      const { pid } = readRequest(request);
      const patient = (await this.#parts.ledger.get(patientKey(pid))) as PatientFact | undefined;
      return patient?.organisation === this.#parts.organisation ? pid : null;
    } catch (error) {
      if (refusalCode(error) !== undefined) return null; // It names no pid, or one that cannot be looked up now.
      throw error;
    }
  }
}

/** What is told to the asker: a refusal here, a contract's, or that the ledger cannot be relied on now. */
function refusalCode(error: unknown): string | undefined {
  if (error instanceof RecordsError) return error.detail ?? error.code;
  return error instanceof LedgerError && UNRELIABLE.has(error.code) ? error.code : undefined;
}

interface Scope {
  readonly pairs: readonly PairIndex[];
  releases(record: StoredRecord, pair: PairIndex): boolean;
}

interface LogAbout {
  readonly payload: PeerRequestPayload<ExchangeOperation, unknown>;
  readonly session?: GatewaySession;
  readonly request?: SignedCall;
  /** Whose refused request it is, before there is a session. */
  readonly reader?: Reader;
  readonly pid?: string;
  readonly grant?: string;
  readonly records?: readonly { readonly recordId: string; readonly version: number }[];
  readonly outcome?: string;
}

function auditEvent(kind: AuditKind, atMs: number, about: LogAbout): AuditEvent {
  const { payload, session } = about;
  const reader = session?.reader ?? about.reader;
  const asked = wordsOf(about.request);
  const asker = { kind: 'member', id: payload.node, organisation: payload.from, roles: ['node'] } as const;
  return {
    kind,
    atMs,
    pid: session?.pid ?? about.pid ?? null,
    who: reader === undefined ? asker : { kind: 'member', ...reader },
    purpose: session?.purpose ?? asked.purpose,
    grant: session?.grant ?? about.grant ?? asked.grant,
    session: session?.session ?? null,
    records: (about.records ?? []).map(({ recordId, version }) => ({ recordId, version })),
    outcome: about.outcome ?? 'ok',
    request: session?.request ?? about.request ?? null,
    exchange: { peer: payload.from, id: payload.nonce },
  };
}

/** What a refused request asked for, in its signer's own words. */
function wordsOf(request: SignedCall | undefined): { readonly purpose: string | null; readonly grant: string | null } {
  const { purpose, grant } = (request?.payload.args ?? {}) as { readonly purpose?: unknown; readonly grant?: unknown };
  return { purpose: wordOf(purpose), grant: wordOf(grant) };
}

function wordOf(value: unknown): string | null {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : null;
}
