import type { Ledger } from '@salus/ledger';

/** `contract.transaction` of every call after a block, but for roots and checkpoints, which nodes commit in their own time. */
export async function callsSince(ledger: Pick<Ledger, 'height' | 'block'>, height: number): Promise<readonly string[]> {
  const called: string[] = [];
  for (let number = height + 1; number <= (await ledger.height()); number += 1) {
    for (const { call } of (await ledger.block(number))!.transactions) {
      const { contract, transaction } = call.payload;
      if (contract !== 'access') called.push(`${contract}.${transaction}`);
    }
  }
  return called;
}
