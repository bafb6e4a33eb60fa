import type { Json, Write } from '@salus/contracts';
import { canonical, sha256, toBase64url, utf8 } from '@salus/crypto';
import { installedContracts } from '@salus/ledger';
import type { PreparedCall } from '@salus/ledger/consortium';
import type { StateReader } from '../src/chaincode/batch-state.ts';
import { runGathered } from '../src/chaincode/gathered-run.ts';
import { type ImportResult, runImport } from '../src/migration/import-run.ts';
import { type ImportPiece, importText } from '../src/migration/import-wire.ts';
import type { TakeOver } from '../src/migration/take-over.ts';
import { CHANNEL } from './moving-ledger.ts';

export const NOW_MS = 1_795_251_600_000;
const runtime = { ...installedContracts(), readPrivateOrganisation: async () => undefined };

/** A channel's committed state, and the chaincode's two functions on it, without Fabric. */
export class StubChannel {
  readonly state = new Map<string, Json>();
  readonly network: string;
  readonly takeOver: TakeOver | undefined;

  constructor(network: string, takeOver: TakeOver | undefined) {
    this.network = network;
    this.takeOver = takeOver;
  }

  async import(pieces: readonly ImportPiece[], channel = CHANNEL): Promise<ImportResult> {
    const argument = utf8(importText(pieces));
    const { network, takeOver } = this;
    const result = await runImport({ runtime, network, channel, argument, state: this.#reader(), takeOver });
    if (result.kind === 'applied') this.#apply(result.writes);
    return result;
  }

  /** The code of what was refused, or `applied`. */
  async codeOf(pieces: readonly ImportPiece[], channel = CHANNEL): Promise<string> {
    const result = await this.import(pieces, channel);
    return result.kind === 'refused' ? result.code : result.kind;
  }

  async submit({ call }: PreparedCall, nowMs = NOW_MS): Promise<string> {
    const { network } = this;
    const payloadText = canonical(call.payload as unknown as Json);
    const calls = [{ call, payloadText, callId: toBase64url(sha256(utf8(payloadText))) }];
    const gathered = { runtime, network, calls, timestampMs: nowMs, creator: 'hospital-a', state: this.#reader() };
    const result = await runGathered(gathered);
    if (result.kind === 'endorsable') {
      this.#apply(result.writes.map(([key, text]) => [key, text === null ? null : (JSON.parse(text) as Json)]));
      return 'committed';
    }
    return result.kind === 'rejected' && result.refusals[0]?.outcome.kind === 'refused'
      ? result.refusals[0].outcome.code
      : result.kind;
  }

  #apply(writes: readonly Write[]): void {
    for (const [key, value] of writes) {
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    }
  }

  #reader(): StateReader {
    return {
      get: (key) => this.state.get(key),
      range: async (start, end, limit) =>
        [...this.state]
          .filter(([key]) => key >= start && key < end)
          .sort(([left], [right]) => (left < right ? -1 : 1))
          .slice(0, limit)
          .map(([key, value]) => ({ key, value })),
    };
  }
}
