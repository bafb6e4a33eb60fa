import type { Json } from '@salus/crypto';
import type { KeptDispute } from './disputes.ts';
import type { Documents } from './documents.ts';
import { KeyedLocks } from './keyed-locks.ts';

/** `<pid>/<dispute>` of what is, or lately was, open at the organisation. */
const OPEN = 'all';

/** The sealed documents behind `DisputeBook`: one for each statement, each patient's list, and the open ones of all. */
export class DisputeStore {
  readonly #documents: Documents;
  readonly #locks = new KeyedLocks();

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  /** One change of statements at a time. */
  async locked<T>(act: () => Promise<T>): Promise<T> {
    const release = await this.#locks.acquire([OPEN]);
    try {
      return await act();
    } finally {
      release();
    }
  }

  async find(pid: string, dispute: string): Promise<KeptDispute | undefined> {
    const kept = await this.#documents.find('dispute', entryName(pid, dispute));
    return kept as unknown as KeptDispute | undefined;
  }

  put(kept: KeptDispute): Promise<void> {
    return this.#documents.put('dispute', entryName(kept.pid, kept.dispute), kept as unknown as Json);
  }

  /** A patient's, oldest first. */
  listOf(pid: string): Promise<readonly string[]> {
    return this.#names(listName(pid));
  }

  /** Of all patients, oldest first. */
  listOpen(): Promise<readonly string[]> {
    return this.#names(OPEN);
  }

  /** Inside `locked`: lists a statement that was put. */
  async add(pid: string, dispute: string): Promise<void> {
    await this.#documents.put('dispute', OPEN, [...(await this.listOpen()), openName(pid, dispute)]);
    await this.#documents.put('dispute', listName(pid), [...(await this.listOf(pid)), dispute]);
  }

  /** Inside `locked`: takes names, `<pid>/<dispute>`, out of the list of open ones. */
  async close(names: ReadonlySet<string>): Promise<void> {
    const open = await this.listOpen();
    const left = open.filter((name) => !names.has(name));
    if (left.length < open.length) await this.#documents.put('dispute', OPEN, left);
  }

  /** Inside `locked`: destroys statements of a patient, with their answers. */
  async remove(pid: string, disputes: ReadonlySet<string>): Promise<void> {
    if (disputes.size === 0) return;
    for (const dispute of disputes) await this.#documents.delete('dispute', entryName(pid, dispute));
    await this.close(new Set([...disputes].map((dispute) => openName(pid, dispute))));
    const left = (await this.listOf(pid)).filter((dispute) => !disputes.has(dispute));
    await this.#documents.put('dispute', listName(pid), left);
  }

  /** What a patient stated about versions that are erased, and what was answered, quotes them: it goes with them. */
  async eraseAbout(pid: string, leafHashes: ReadonlySet<string>): Promise<void> {
    await this.locked(async () => {
      const about = new Set<string>();
      for (const dispute of await this.listOf(pid)) {
        const kept = await this.find(pid, dispute);
        if (kept !== undefined && leafHashes.has(kept.statement.leafHash)) about.add(dispute);
      }
      await this.remove(pid, about);
    });
  }

  async #names(name: string): Promise<readonly string[]> {
    return ((await this.#documents.find('dispute', name)) ?? []) as readonly string[];
  }
}

export const openName = (pid: string, dispute: string): string => `${pid}/${dispute}`;
const entryName = (pid: string, dispute: string): string => `entry/${pid}/${dispute}`;
const listName = (pid: string): string => `of/${pid}`;
