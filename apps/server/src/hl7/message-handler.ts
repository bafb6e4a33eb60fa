import { createHash } from 'node:crypto';
import { stringifyFhirJson } from '@salus/fhir';
import { KeyedLocks, RecordsError, type VaultTransactionResult, type Writer } from '@salus/records';
import { readLiveIdentity } from '../identities.ts';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import { acknowledge } from './acknowledgement.ts';
import type { Reading } from './data-types.ts';
import type { MappedMessage } from './draft.ts';
import { type Fault, findFault, refuseMessage } from './fault.ts';
import { findFeedWriter } from './feed-client.ts';
import type { Hl7ListenerSettings } from './hl7-configuration.ts';
import { mapMessage } from './map-message.ts';
import { type Hl7Message, parseHl7Message, peekHeader } from './message.ts';
import { findMerged, resolveDrafts } from './resolve-drafts.ts';

/** How often a message follows somebody who writes the same resources at the same time. */
const ATTEMPTS_MAX = 5;
const VERSION = /^2(?:\.\d){1,2}$/;
const CONTROL_ID_FIELD = 10;

/** What was in between, or is over soon: the sender keeps the message and sends it again. */
const PASSING = new Set(['overloaded', 'closed', 'stopped', 'ledger-unavailable', 'rollback-unnamed', 'stale-epoch']);
const CONCURRENT = new Set(['conflict', 'leaf-ended']);

/** It is refused, and could not be kept: its sender has the only one. */
const NOT_HELD: Fault = {
  ...{ acknowledgement: 'AE', condition: '207', location: null },
  text: 'refused, and could not be kept here: send it again',
};

export type Taken = 'accepted' | 'repeated' | 'refused' | 'postponed';

export interface HandledMessage {
  readonly acknowledgement: Buffer;
  readonly taken: Taken;
  readonly type: string;
}

export interface HandlerParts {
  readonly organisation: HostedOrganisation;
  readonly settings: Pick<Hl7ListenerSettings, 'systems' | 'timeZone' | 'processingIds'>;
  readonly nowMs: () => number;
  /** Told of what is wrong inside; the sender hears only that something is. */
  readonly onFailure: (error: unknown) => void;
}

/** What a message was refused for, and whose it is where that was found out. */
type Place = { message: Hl7Message | undefined; pid: string | null };

/**
 * Takes the messages of one organisation: each is one transaction, acknowledged with AA when it is committed and not
 * before. The same message again is answered the same and written once; what is refused is kept.
 */
export class MessageHandler {
  readonly #parts: HandlerParts;
  /** Messages about one patient go one after the other, in the order in which they came. */
  readonly #locks = new KeyedLocks();

  constructor(parts: HandlerParts) {
    this.#parts = parts;
  }

  async handle(client: string, bytes: Uint8Array): Promise<HandledMessage> {
    const { nowMs, onFailure } = this.#parts;
    const place: Place = { message: undefined, pid: null };
    const id = this.#idOf(client, bytes);
    const respond = (taken: Taken, fault?: Fault): HandledMessage => ({
      acknowledgement: acknowledge(bytes, fault === undefined ? { kind: 'accepted' } : { kind: 'refused', fault }, {
        nowMs: nowMs(),
        controlId: id.slice(0, 20),
      }),
      taken,
      type: place.message?.type ?? '',
    });
    try {
      return respond(await this.#take(client, bytes, id, place));
    } catch (error) {
      const fault = findFault(error);
      if (fault === undefined) {
        const passing = passingFault(error);
        if (passing.condition === '207' && !isPassing(error)) onFailure(error);
        return respond('postponed', passing);
      }
      if (fault.condition === '206') return respond('postponed', fault);
      try {
        await this.#hold(client, id, bytes, place, fault);
      } catch (unheld) {
        // Refused for good it would be lost: no sender keeps what was answered so.
        onFailure(unheld);
        return respond('postponed', NOT_HELD);
      }
      return respond('refused', fault);
    }
  }

  async #take(client: string, bytes: Uint8Array, id: string, place: Place): Promise<Taken> {
    const { organisation } = this.#parts;
    const message = parseHl7Message(bytes);
    place.message = message;
    this.#demandVersion(message);
    const mapped = mapMessage(message, this.#readingOf(message));
    const names = [...mapped.patient.identity, ...mapped.merged].map(({ system, value }) => `${system ?? ''} ${value}`);
    // Asked for in the turn in which it came: whoever comes first is first.
    const release = await this.#locks.acquire([...names, id.slice(0, id.indexOf('.'))]);
    try {
      const writer = await this.#demandWriter(client);
      const { feedLookup, heldMessages } = organisation.vault;
      switch (await feedLookup.recognise(id)) {
        case 'committed':
          return 'repeated';
        case 'pending':
          throw new RecordsError('ledger-unavailable', 'the message is being settled');
        case 'other':
          throw refuseMessage('205', 'the control id is that of another message', {
            location: 'MSH^1^10',
            acknowledgement: 'AR',
          });
        case 'new':
          break;
      }
      // First: the message counts as taken once its own transaction is committed.
      if (mapped.merged.length > 0) await this.#merge(mapped, writer);
      const taken = await this.#commit(mapped, { id, writer, place });
      if ((await heldMessages.find(id)) !== undefined) await heldMessages.remove(id);
      return taken;
    } finally {
      release();
    }
  }

  async #commit(
    mapped: MappedMessage,
    { id, writer, place }: { readonly id: string; readonly writer: Writer; readonly place: Place },
  ): Promise<Taken> {
    const { vault } = this.#parts.organisation;
    for (let attempt = 1; ; attempt += 1) {
      const { entries, patientId } = await resolveDrafts(vault, mapped);
      if (patientId !== undefined) place.pid = (await vault.patients.findByFhirId(patientId))?.pid ?? null;
      // Nothing in it is news. It is noted all the same: sent again later, it must not undo what came after it.
      if (entries.length === 0) {
        await vault.feedLookup.note(id);
        return 'accepted';
      }
      const bundle = stringifyFhirJson({ resourceType: 'Bundle', type: 'transaction', entry: entries });
      const result = await vault.repository.transaction({ kind: 'writer', writer, purpose: 'TREAT' }, bundle, {
        importToken: id,
      });
      if (result.kind === 'committed') return 'accepted';
      if (result.code === 'already-imported') return 'repeated';
      if (CONCURRENT.has(result.code) && attempt < ATTEMPTS_MAX) continue;
      throw refusalOf(result);
    }
  }

  /** ADT^A40: what is begun here and cut off goes on when the message comes again. */
  async #merge(mapped: MappedMessage, writer: Writer): Promise<void> {
    const { vault } = this.#parts.organisation;
    const { patientId } = await resolveDrafts(vault, mapped);
    if (patientId === undefined) throw refuseMessage('204', 'the patient who goes on is not known');
    for (const fhirId of await findMerged(vault, mapped.merged, patientId)) {
      const caller = { kind: 'writer', writer, purpose: 'TREAT' } as const;
      await vault.merges.merge(caller, { fhirId, into: patientId }).catch((error: unknown) => {
        if (!(error instanceof RecordsError) || isPassing(error)) throw error;
        throw refuseMessage('205', `the patients were not merged: ${error.detail ?? error.code}`, {
          location: 'MRG^1^1',
        });
      });
    }
  }

  /** The client's rights are on the ledger: whoever is enrolled no longer is not listened to. */
  async #demandWriter(client: string): Promise<Writer> {
    const { organisation, nowMs } = this.#parts;
    const writer = await findFeedWriter(organisation, client);
    const refused = refuseMessage('207', 'the sender is not enrolled, or no longer', { acknowledgement: 'AR' });
    if (writer === undefined) throw refused;
    const { id } = writer.submitter;
    await readLiveIdentity(organisation.vault.ledger, { id, organisation: organisation.slug, nowMs: nowMs() }).catch(
      (error: unknown) => {
        throw error instanceof ServerError ? refused : error;
      },
    );
    return writer;
  }

  #demandVersion({ header }: Hl7Message): void {
    if (!VERSION.test(header.text(12))) {
      throw refuseMessage('203', 'the message is of no version 2', { location: 'MSH^1^12', acknowledgement: 'AR' });
    }
    if (!this.#parts.settings.processingIds.includes(header.text(11))) {
      throw refuseMessage('202', 'messages of this processing id are not taken', {
        location: 'MSH^1^11',
        acknowledgement: 'AR',
      });
    }
  }

  #readingOf({ header }: Hl7Message): Reading {
    const { organisation, settings } = this.#parts;
    const own = `urn:salus:hl7:${organisation.slug}`;
    const sender = header.text(4) === '' ? header.text(3) : header.text(4);
    return {
      sender: sender === '' ? 'sender' : sender,
      systemOf: (namespace) => settings.systems.get(namespace) ?? `${own}:authority:${encodeURIComponent(namespace)}`,
      ownSystem: (kind) => `${own}:${kind}`,
      timeZone: settings.timeZone,
    };
  }

  /** One name for a message and its content; a sender's numbers are its own. */
  #idOf(client: string, bytes: Uint8Array): string {
    const controlId = peekHeader(bytes)[CONTROL_ID_FIELD] ?? '';
    const content = createHash('sha256').update(bytes).digest('base64url');
    const { feedLookup } = this.#parts.organisation.vault;
    // A message that cannot be named is told from others by its content alone.
    return feedLookup.importToken(controlId === '' ? [client, '', content] : [client, controlId], content);
  }

  async #hold(client: string, id: string, bytes: Uint8Array, { message, pid }: Place, fault: Fault): Promise<void> {
    const { heldMessages } = this.#parts.organisation.vault;
    const { acknowledgement, condition, location, text: reason } = fault;
    await heldMessages.hold(
      id,
      {
        ...{ client, pid, condition, acknowledgement, location, reason },
        type: message?.type ?? '',
        controlId: message?.controlId ?? '',
      },
      bytes,
    );
  }
}

function refusalOf({ code }: Extract<VaultTransactionResult, { readonly kind: 'refused' }>): Error {
  if (PASSING.has(code)) return new RecordsError('overloaded', 'the message could not be committed now');
  if (CONCURRENT.has(code)) return refuseMessage('206', 'somebody else writes the same resources');
  return refuseMessage('102', `what the message comes to was refused: ${code}`);
}

function isPassing(error: unknown): boolean {
  return error instanceof RecordsError && PASSING.has(error.code);
}

/** Nothing was done, or it is not known yet: the sender may send the same again. */
function passingFault(error: unknown): Fault {
  const text = isPassing(error) ? 'not committed: send it again' : 'something is wrong inside the node';
  return { acknowledgement: 'AE', condition: '207', location: null, text };
}
