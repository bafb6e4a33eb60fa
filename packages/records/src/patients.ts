import { type CallPayload, callId as callIdOf, deriveSigningKey, randomBytes } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import { sql } from 'kysely';
import { signWriterCall } from './calls.ts';
import { newId } from './index-rows.ts';
import type { MasterKey } from './master-key.ts';
import { resourceToken } from './record-rows.ts';
import { RecordsError } from './records-error.ts';
import type { Store } from './store/database.ts';
import { type Prepared, prepareQuery } from './store/prepared.ts';
import type { BatchState } from './store/schema.ts';
import type { AuditLog, Clock, Writer } from './vault-types.ts';
import type { NewPatient } from './write-order.ts';

/** A slip must be used within this time; the ledger allows 90 days. */
export const SLIP_LIFETIME_MS = 30 * 24 * 60 * 60 * 1000;
export const PATIENTS_PAGE_MAX = 500;
/** 128 bits: all that a slip's secrecy rests on (DESIGN §4). */
const SEED_BYTES = 16;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface KnownPatient {
  readonly pid: string;
  /** Of the Patient resource. */
  readonly fhirId: string;
  readonly registeredMs: number;
}

/** What the patient's slip carries; shown once and kept nowhere. */
export interface Slip {
  readonly pid: string;
  readonly seed: Uint8Array;
  readonly notAfterMs: number;
}

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: Ledger;
  readonly audit: AuditLog;
  readonly clock: Clock;
};

type Row = { readonly pidToken: string; readonly sealed: Uint8Array; readonly registeredMs: number };

/** Which Patient resource is which pid: sealed rows, found by tokens. */
export class Patients {
  readonly #parts: Parts;
  readonly #byResource: Prepared<Row>;
  readonly #byPid: Prepared<Row>;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { read } = parts.store;
    this.#byResource = prepareQuery(read, this.#committed().where('patient.resourceToken', '=', ''));
    this.#byPid = prepareQuery(read, this.#committed().where('patient.pidToken', '=', ''));
  }

  async findByFhirId(fhirId: string): Promise<KnownPatient | undefined> {
    const token = resourceToken(this.#parts.masterKey, 'Patient', fhirId);
    const [row] = await this.#byResource(token);
    return row === undefined ? undefined : this.#open(row);
  }

  async findByPid(pid: string): Promise<KnownPatient | undefined> {
    const pidToken = this.#parts.masterKey.token('pid', pid);
    const [row] = await this.#byPid(pidToken);
    return row === undefined ? undefined : this.#open(row);
  }

  /** In an order that says nothing; `after` is the pid of the page before. */
  async list({ after, limit }: { readonly after?: string; readonly limit: number }): Promise<readonly KnownPatient[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > PATIENTS_PAGE_MAX) {
      throw new RecordsError('bad-input', `a page has 1 to ${PATIENTS_PAGE_MAX} patients`);
    }
    const start = after === undefined ? '' : this.#parts.masterKey.token('pid', after);
    const rows = await this.#committed()
      .where('patient.pidToken', '>', start)
      .orderBy('patient.pidToken')
      .limit(limit)
      .execute();
    return rows.map((row) => this.#open(row));
  }

  /**
   * Makes a new slip for a patient who has not claimed yet; every earlier one is worth nothing from then on. Who may,
   * the contract decides. Throws `not-found`, or `ledger-refused` with its code.
   */
  async issueSlip(writer: Writer, fhirId: string): Promise<Slip> {
    const patient = await this.findByFhirId(fhirId);
    if (patient === undefined) throw new RecordsError('not-found', 'no such patient is registered here');
    const { ledger, audit, clock } = this.#parts;
    const { pid } = patient;
    const nowMs = clock();
    const notAfterMs = nowMs + SLIP_LIFETIME_MS;
    const seed = randomBytes(SEED_BYTES);
    const args = { pid, claimKey: claimKeyOf(seed, pid), claimNotAfterMs: notAfterMs };
    const { network } = ledger;
    const call = await signWriterCall(writer, {
      network,
      contract: 'patient',
      transaction: 'reissueClaim',
      args,
      nowMs,
    });
    const result = await ledger.submit(call);
    const outcome = result.kind === 'committed' ? 'ok' : result.code;
    await audit.append({
      kind: 'slip',
      atMs: nowMs,
      pid,
      who: writer.who,
      purpose: null,
      grant: null,
      session: null,
      records: [],
      outcome,
      request: null,
    });
    if (result.kind === 'refused') {
      const callId = callIdOf(call.payload as CallPayload);
      throw new RecordsError('ledger-refused', `the ledger refused slip ${callId}`, { detail: outcome });
    }
    return { pid, seed, notAfterMs };
  }

  #committed() {
    return this.#parts.store.read
      .selectFrom('patient')
      .innerJoin('batch', 'batch.batchId', 'patient.batchId')
      .select(['patient.pidToken', 'patient.sealed', 'patient.registeredMs'])
      .where('batch.state', '=', sql.lit<BatchState>('committed'));
  }

  #open(row: Row): KnownPatient {
    const secret = this.#parts.masterKey.openJson('patient', [row.pidToken], row.sealed) as {
      readonly pid: string;
      readonly fhirId: string;
    };
    return { ...secret, registeredMs: row.registeredMs };
  }
}

/** A fresh pid for a Patient resource. Its claim key is thrown away: `issueSlip` makes the one that counts. */
export function newPatient(fhirId: string, nowMs: number): NewPatient {
  const pid = newId();
  const claimKey = claimKeyOf(randomBytes(SEED_BYTES), pid);
  return { fhirId, registration: { pid, claimKey, claimNotAfterMs: nowMs + DAY_MS } };
}

function claimKeyOf(seed: Uint8Array, pid: string): string {
  return deriveSigningKey(seed, `claim/${pid}`).publicKey;
}
