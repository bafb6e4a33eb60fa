import type { PrivateArgs, SignedCall } from '@salus/contracts';
import { createPure, installedContracts, type Ledger } from '@salus/ledger';

/**
 * Why the ledger would refuse a call now, by the contracts that are installed here; undefined where it would not. For work
 * that begins before its call is submitted: nobody's forged or ended call gets that far. `repeated`: it committed before.
 */
export async function findRefusal(
  ledger: Pick<Ledger, 'network' | 'get' | 'range'>,
  { call, privateArgs }: { readonly call: SignedCall; readonly privateArgs?: PrivateArgs | undefined },
  timestampMs: number,
): Promise<string | undefined> {
  const host = {
    network: ledger.network,
    pure: createPure(),
    get: (key: string) => ledger.get(key),
    range: (start: string, end: string, limit: number) => ledger.range(start, end, limit),
  };
  const outcome = await installedContracts().execute(host, { call, privateArgs, timestampMs, mode: 'full' });
  if (outcome.kind === 'committed') return undefined;
  return outcome.kind === 'refused' ? outcome.code : outcome.kind;
}
