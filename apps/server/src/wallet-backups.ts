import { type DeviceFact, deviceKey } from '@salus/contracts';
import { type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import { KeyedLocks, type Vault } from '@salus/records';

/**
 * Of one pid, one for each device. Those of removed devices give way first, then those of the devices that were added last: a
 * thief who adds devices to the one that was stolen would else push out what the honest ones left.
 */
export const BACKUPS_PER_PID_MAX = 8;

interface Kept {
  readonly backup: SealedEnvelope;
  readonly savedMs: number;
}
type Listed = { readonly kid: string; readonly savedMs: number };

/** A backup with the place of the next older one; null where there is none. */
export interface FoundBackup extends Kept {
  readonly next: number | null;
}

const locks = new KeyedLocks();

/**
 * Sealed contents of wallets, which only the recovery secret opens: no device can look into another's, and so each has a
 * place of its own. Who recovers joins what all of them knew.
 */
export class WalletBackups {
  readonly #vault: Pick<Vault, 'documents' | 'ledger' | 'clock'>;

  constructor(vault: Pick<Vault, 'documents' | 'ledger' | 'clock'>) {
    this.#vault = vault;
  }

  /** @returns when it was saved */
  async put(pid: string, kid: string, backup: SealedEnvelope): Promise<number> {
    const { documents, clock } = this.#vault;
    const release = await locks.acquire([pid]);
    try {
      const savedMs = clock();
      const others = (await this.#listOf(pid)).filter((one) => one.kid !== kid);
      const lost = await this.#surplusOf(pid, others);
      // First the backup: what is listed is there.
      await documents.put('wallet-backup', nameOf(pid, kid), { backup, savedMs } as unknown as Json);
      const left = others.filter((one) => !lost.includes(one));
      await documents.put('wallet-backup', listName(pid), [{ kid, savedMs }, ...left]);
      for (const one of lost) await documents.delete('wallet-backup', nameOf(pid, one.kid));
      return savedMs;
    } finally {
      release();
    }
  }

  /** The newest is at place 0. */
  async find(pid: string, place: number): Promise<FoundBackup | undefined> {
    const { documents } = this.#vault;
    // Nodes kept one for all devices before.
    const isOld = (await documents.find('wallet-backup', pid)) !== undefined;
    const listed = (await this.#listOf(pid)).map(({ kid }) => nameOf(pid, kid));
    const names = isOld ? [...listed, pid] : listed;
    const name = names[place];
    const kept =
      name === undefined ? undefined : ((await documents.find('wallet-backup', name)) as unknown as Kept | undefined);
    if (kept === undefined) return undefined;
    const backup = parseSealedEnvelope(kept.backup as unknown as Json);
    return { backup, savedMs: kept.savedMs, next: place + 1 < names.length ? place + 1 : null };
  }

  async #listOf(pid: string): Promise<readonly Listed[]> {
    return ((await this.#vault.documents.find('wallet-backup', listName(pid))) ?? []) as unknown as readonly Listed[];
  }

  /** Which of the others give way to another device's. */
  async #surplusOf(pid: string, others: readonly Listed[]): Promise<readonly Listed[]> {
    const surplus = others.length - BACKUPS_PER_PID_MAX + 1;
    if (surplus <= 0) return [];
    const ranked = await Promise.all(
      others.map(async (one) => {
        const device = (await this.#vault.ledger.get(deviceKey(pid, one.kid))) as DeviceFact | undefined;
        return { one, isActive: Number(device?.status === 'active'), addedMs: device?.addedMs ?? 0 };
      }),
    );
    ranked.sort(
      (left, right) =>
        left.isActive - right.isActive || right.addedMs - left.addedMs || left.one.savedMs - right.one.savedMs,
    );
    return ranked.slice(0, surplus).map(({ one }) => one);
  }
}

const nameOf = (pid: string, kid: string): string => `${pid}/${kid}`;
const listName = (pid: string): string => `of/${pid}`;
