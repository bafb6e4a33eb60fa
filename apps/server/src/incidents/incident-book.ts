import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { hashTuple, type Json, newNonce } from '@salus/crypto';
import { KeyedLocks, RecordsError } from '@salus/records';
import { prepareCall } from '@salus/wallet';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';

/** Reports of one month, months that are listed, and notes on one report. */
export const INCIDENTS_MAX = 1_000;
export const MONTHS_MAX = 1_200;
export const NOTES_MAX = 100;
const MONTHS = 'months';
const RECEIPT_BYTES = 32;

export const INCIDENT_KINDS = ['error', 'near-miss'] as const;
/** WHO, Conceptual Framework for the International Classification for Patient Safety: degree of harm. */
export const HARMS = ['none', 'mild', 'moderate', 'severe', 'death'] as const;

/** What somebody reports. Whoever it was is not part of it, and is kept nowhere. */
export interface IncidentReport {
  readonly kind: (typeof INCIDENT_KINDS)[number];
  readonly area: string;
  readonly harm: (typeof HARMS)[number];
  readonly text: string;
  /** When it happened, as far as the reporter says. */
  readonly day: string | null;
}

export interface Incident extends IncidentReport {
  readonly incident: string;
  /** YYYY-MM of the report: the hour would tell who was at work. */
  readonly month: string;
  readonly notes: readonly { readonly text: string; readonly atMs: number }[];
}

interface KeptIncident extends Incident {
  readonly salt: string;
  /** SHA-256 of what the reporter holds. */
  readonly receipt: string;
}

const locks = new KeyedLocks();

/**
 * Reports of clinical errors and near misses: sealed, committed to on the ledger by the node, and only ever added to. No
 * session, account or signature of the reporter touches one.
 */
export class IncidentBook {
  readonly #organisation: HostedOrganisation;

  constructor(organisation: HostedOrganisation) {
    this.#organisation = organisation;
  }

  /** @returns the report's id and a receipt, which alone leads the reporter back to it */
  async add(report: IncidentReport): Promise<{ readonly incident: string; readonly receipt: string }> {
    const { documents, clock } = this.#organisation.vault;
    const incident = newNonce();
    const receipt = randomBytes(RECEIPT_BYTES).toString('base64url');
    const salt = randomBytes(32).toString('base64url');
    const month = new Date(clock()).toISOString().slice(0, 'YYYY-MM'.length);
    const kept: KeptIncident = {
      ...report,
      incident,
      month,
      notes: [],
      salt,
      receipt: hash(receipt).toString('base64url'),
    };
    return this.#locked(async () => {
      const known = await this.#idsOf(month);
      if (known.length >= INCIDENTS_MAX) throw new ServerError('overloaded', 'Too many reports came this month.');
      const said = { ...report, incident, month };
      await this.#commit(incident, hashTuple('incident', salt, said as unknown as Json));
      await documents.put('incident', `entry/${incident}`, kept as unknown as Json);
      // By id, so that the order tells nothing of when one came.
      await documents.put('incident', listName(month), [...known, incident].sort());
      const months = await this.months();
      if (!months.includes(month)) await documents.put('incident', MONTHS, [month, ...months].slice(0, MONTHS_MAX));
      return { incident, receipt };
    });
  }

  /** YYYY-MM of the reports that there are, newest first. */
  async months(): Promise<readonly string[]> {
    return ((await this.#organisation.vault.documents.find('incident', MONTHS)) ?? []) as readonly string[];
  }

  async list(month: string): Promise<readonly Incident[]> {
    const listed: Incident[] = [];
    for (const incident of await this.#idsOf(month)) {
      const kept = await this.#find(incident);
      if (kept !== undefined) listed.push(shown(kept));
    }
    return listed;
  }

  /** Adds what was found or done; the report itself stays as it is. */
  async note(incident: string, text: string): Promise<void> {
    await this.#locked(async () => {
      const kept = await this.#find(incident);
      if (kept === undefined) throw new ServerError('not-found', 'There is no such report.');
      if (kept.notes.length >= NOTES_MAX) throw new ServerError('overloaded', 'The report has too many notes.');
      const atMs = this.#organisation.vault.clock();
      const salt = randomBytes(32).toString('base64url');
      await this.#commit(newNonce(), hashTuple('incident-note', salt, { incident, text }));
      const next = { ...kept, notes: [...kept.notes, { text, atMs, salt }] };
      await this.#organisation.vault.documents.put('incident', `entry/${incident}`, next as unknown as Json);
    });
  }

  /** For whoever has the receipt: another's, or none, is answered as no report at all. */
  async findByReceipt(incident: string, receipt: string): Promise<Incident | undefined> {
    const kept = await this.#find(incident);
    const wanted = Buffer.from(kept?.receipt ?? '', 'base64url');
    const given = hash(receipt);
    return kept !== undefined && wanted.length === given.length && timingSafeEqual(wanted, given)
      ? shown(kept)
      : undefined;
  }

  /** From here on the organisation can neither change the report nor deny it. */
  async #commit(report: string, commitment: string): Promise<void> {
    const { vault, node } = this.#organisation;
    const content = {
      contract: 'access',
      transaction: 'report',
      args: { report, commitment },
      signer: `id:${node.id}`,
    };
    const { call } = await prepareCall({ network: vault.ledger.network, nowMs: vault.clock() }, content, node.signer);
    const result = await vault.ledger.submit(call);
    if (result.kind === 'refused') {
      throw new RecordsError('ledger-refused', 'the ledger refused the report', { detail: result.code });
    }
  }

  async #idsOf(month: string): Promise<readonly string[]> {
    return ((await this.#organisation.vault.documents.find('incident', listName(month))) ?? []) as readonly string[];
  }

  async #find(incident: string): Promise<KeptIncident | undefined> {
    const { documents } = this.#organisation.vault;
    return (await documents.find('incident', `entry/${incident}`)) as unknown as KeptIncident | undefined;
  }

  async #locked<T>(act: () => Promise<T>): Promise<T> {
    const release = await locks.acquire([this.#organisation.slug]);
    try {
      return await act();
    } finally {
      release();
    }
  }
}

const listName = (month: string): string => `month/${month}`;

function shown({ incident, kind, area, harm, text, day, month, notes }: KeptIncident): Incident {
  return {
    incident,
    kind,
    area,
    harm,
    text,
    day,
    month,
    notes: notes.map(({ text: note, atMs }) => ({ text: note, atMs })),
  };
}

function hash(receipt: string): Buffer {
  return createHash('sha256').update(receipt).digest();
}
