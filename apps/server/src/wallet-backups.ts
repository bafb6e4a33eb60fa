import { type DeviceFact, deviceKey } from '@salus/contracts';
import { type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import { KeyedLocks, RecordsError, type Vault } from '@salus/records';

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

/** A backup, and behind which name the next one stands; null where it is the last. */
export interface FoundBackup extends Kept {
  readonly next: string | null;
}

/** Nodes kept one for all devices before: it stands behind every key id, which are base64url. */
const OF_ALL_DEVICES = '~';

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

  /**
   * The first whose key id stands behind `after`, in byte order: however many devices save while somebody goes through them, each
   * that was there all the time is found, and none stops whoever looks because it has gone.
   */
  async find(pid: string, after = ''): Promise<FoundBackup | undefined> {
    const { documents } = this.#vault;
    const release = await locks.acquire([pid]);
    try {
      const isOld = (await documents.find('wallet-backup', pid)) !== undefined;
      const kids = (await this.#listOf(pid)).map(({ kid }) => kid);
      const [kid, next] = [...kids, ...(isOld ? [OF_ALL_DEVICES] : [])].filter((one) => one > after).sort();
      if (kid === undefined) return undefined;
      const name = kid === OF_ALL_DEVICES ? pid : nameOf(pid, kid);
      const kept = (await documents.find('wallet-backup', name)) as unknown as Kept | undefined;
      if (kept === undefined) throw new RecordsError('corrupt', 'a backup that is listed is not there');
      const backup = parseSealedEnvelope(kept.backup as unknown as Json);
      return { backup, savedMs: kept.savedMs, next: next === undefined ? null : kid };
    } finally {
      release();
    }
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
