import { callKey } from '@salus/contracts';
import { canonical, type Json, leafHash, toBase64url, utf8 } from '@salus/crypto';
import {
  type Block,
  type EmbeddedLedger,
  LedgerError,
  type TransactionOutcome,
  type TransactionView,
} from '@salus/ledger';

/** The ledger of a node whose follower distrusts some keys: what would rest on them is refused, everything else is as it was. */
export function distrusting(ledger: EmbeddedLedger, distrusted: ReadonlySet<string>): EmbeddedLedger {
  const demand = (isTouched: (key: string) => boolean): void => {
    if ([...distrusted].some(isTouched)) throw new LedgerError('distrusted', 'an alarm wrote it');
  };
  const shown = (block: Block): Block => ({
    ...block,
    transactions: block.transactions.map((view) =>
      distrusted.has(callKey(view.callId)) ? { ...view, outcome: distrustedOutcome(view) } : view,
    ),
  });
  const reads: Partial<EmbeddedLedger> = {
    get: async (key) => {
      demand((each) => each === key);
      return ledger.get(key);
    },
    range: async (start, end, limit) => {
      demand((each) => each >= start && each < end);
      return ledger.range(start, end, limit);
    },
    // A call that writes what is distrusted is committed by peers, and never acknowledged.
    submit: async (call, privateArgs) => {
      const result = await ledger.submit(call, privateArgs);
      const view = result.kind === 'committed' ? await ledger.transaction(result.callId) : undefined;
      const writes = view?.outcome.kind === 'committed' ? view.outcome.writes : [];
      demand((each) => writes.some(([key]) => key === each));
      return result;
    },
    history: async (key, page) => {
      demand((each) => each === key);
      return ledger.history(key, page);
    },
    transaction: async (callId) => {
      demand((each) => each === callKey(callId));
      return ledger.transaction(callId);
    },
    block: async (number) => {
      const block = await ledger.block(number);
      return block === undefined ? undefined : shown(block);
    },
    follow: async function* (fromBlock, signal) {
      for await (const block of ledger.follow(fromBlock, signal)) yield shown(block);
    },
  };
  return new Proxy(ledger, {
    get: (target, name) => {
      if (Object.hasOwn(reads, name)) return reads[name as keyof EmbeddedLedger];
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

function distrustedOutcome({ call, outcome, timestampMs }: TransactionView): TransactionOutcome {
  const keys = outcome.kind === 'committed' ? outcome.writes.map(([key]) => key) : [];
  const leaf = leafHash(utf8(canonical({ call, outcome, timestampMs } as unknown as Json)));
  return { kind: 'distrusted', keys, leafHash: toBase64url(leaf) };
}
