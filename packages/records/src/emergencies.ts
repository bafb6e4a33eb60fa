import type { SignedCall } from '@salus/contracts';
import type { Json } from '@salus/crypto';
import type { Documents } from './documents.ts';
import type { Reader } from './exchange/gateway-session.ts';
import { KeyedLocks } from './keyed-locks.ts';

/** Names in one document of the list. */
const NAMES_MAX = 1_000;
const HEAD = 'head';

/** Emergency access to a patient of this organisation, as its review needs it; the ledger says what became of it. */
export interface OpenedEmergency {
  readonly pid: string;
  /** Id of the clinician's request. */
  readonly emergency: string;
  readonly openedMs: number;
  readonly reader: Reader;
  readonly request: SignedCall;
}

/** Every emergency access to this organisation's records, sealed. Whatever else happens there, none drops out of it. */
export class EmergencyBook {
  readonly #documents: Documents;
  readonly #locks = new KeyedLocks();

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  /** Before the ledger is asked: what it refuses is removed again, what it does not know is not listed by whoever reads. */
  async add(opened: OpenedEmergency): Promise<void> {
    const { pid, emergency } = opened;
    await this.#documents.put('emergency', entryName(pid, emergency), opened as unknown as Json);
    await this.#locked(async () => {
      const last = await this.#last();
      const names = await this.#names(last);
      if (names.includes(nameOf(opened))) return;
      const at = names.length < NAMES_MAX ? last : last + 1;
      await this.#documents.put('emergency', listName(at), [...(at === last ? names : []), nameOf(opened)]);
      if (at !== last) await this.#documents.put('emergency', HEAD, at);
    });
  }

  /** One that was refused just now. */
  async remove(pid: string, emergency: string): Promise<void> {
    await this.#locked(async () => {
      const last = await this.#last();
      for (const at of last === 0 ? [last] : [last, last - 1]) {
        const names = await this.#names(at);
        const left = names.filter((name) => name !== nameOf({ pid, emergency }));
        if (left.length < names.length) await this.#documents.put('emergency', listName(at), left);
      }
      await this.#documents.delete('emergency', entryName(pid, emergency));
    });
  }

  find(pid: string, emergency: string): Promise<OpenedEmergency | undefined> {
    const found: Promise<unknown> = this.#documents.find('emergency', entryName(pid, emergency));
    return found as Promise<OpenedEmergency | undefined>;
  }

  /** Newest first, each once. */
  async *list(): AsyncGenerator<Pick<OpenedEmergency, 'pid' | 'emergency'>> {
    for (let at = await this.#last(); at >= 0; at -= 1) {
      for (const name of (await this.#names(at)).toReversed()) {
        const [pid = '', emergency = ''] = name.split('/');
        yield { pid, emergency };
      }
    }
  }

  async #last(): Promise<number> {
    return ((await this.#documents.find('emergency', HEAD)) ?? 0) as number;
  }

  async #names(at: number): Promise<readonly string[]> {
    return ((await this.#documents.find('emergency', listName(at))) ?? []) as readonly string[];
  }

  async #locked(act: () => Promise<void>): Promise<void> {
    const release = await this.#locks.acquire([HEAD]);
    try {
      await act();
    } finally {
      release();
    }
  }
}

const nameOf = ({ pid, emergency }: Pick<OpenedEmergency, 'pid' | 'emergency'>): string => `${pid}/${emergency}`;
const entryName = (pid: string, emergency: string): string => `entry/${pid}/${emergency}`;
const listName = (at: number): string => `list/${at}`;
