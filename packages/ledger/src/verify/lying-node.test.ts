import type { Write } from '@salus/contracts';
import { callId, callText, canonical } from '@salus/crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newSigner, newWriter, type Writer } from '../../test/notebook.ts';
import { newPlace, type Place } from '../../test/open-notebook.ts';
import {
  bodyText,
  committedText,
  type EmbeddedBlockHeader,
  nextCommitment,
  parseBody,
  refusedText,
  rootOf,
  sealHeader,
  textLeaf,
  writesText,
} from '../block.ts';
import { sealedHead } from '../embedded/embedded-ledger.ts';
import { positionOf } from '../embedded/schema.ts';
import { LedgerStore } from '../embedded/store.ts';
import type { Finding } from './finding.ts';
import { verifyLedger } from './verify.ts';

/** Whoever holds the ledger's key can seal what they like: what `verify` finds all the same. */

const NOT_CANONICAL = 'the transaction is not in canonical form';
const runtimeModule = new URL('../../test/notebook-runtime.ts', import.meta.url).href;
let place: Place;
let writer: Writer;

beforeEach(async () => {
  place = newPlace();
  writer = newWriter();
  await fill();
});

async function fill(): Promise<void> {
  await using ledger = await place.create();
  await ledger.submit(await writer.enrol());
  await ledger.submit(await writer.write([['page/1', 1]]));
}

async function reset(): Promise<void> {
  place.remove();
  place = newPlace();
  await fill();
}

afterEach(() => place.remove());

type Lie = {
  readonly header?: Partial<EmbeddedBlockHeader>;
  readonly signature?: (honest: string) => string;
  readonly writes?: readonly Write[];
  readonly refused?: 'stale-epoch';
  readonly signer?: ReturnType<typeof newSigner>;
  readonly body?: (honest: string) => string;
};

/** Appends a block, sealed and consistent but for the lie. */
async function append(lie: Lie): Promise<void> {
  using store = LedgerStore.open(place.file);
  const head = sealedHead(store.head()!);
  const number = head.header.number + 1;
  const call = await writer.write([['page/1', 2]]);
  const id = callId(call.payload as Parameters<typeof callId>[0]);
  const result = { pages: 1 };
  const outcome: Write = [`call/${id}`, { transaction: 'notebook.write', result }];
  const writes = lie.refused === undefined ? [outcome, ...(lie.writes ?? [['page/1', 2] as const])] : [];
  const texts = writes.map(([key, value]) => [key, value === null ? null : canonical(value)] as const);
  const writesOf = writesText(texts);
  const honest = bodyText({
    payloadText: callText(call.payload as Parameters<typeof callText>[0]),
    signature: lie.signature?.(call.signature) ?? call.signature,
    outcomeText:
      lie.refused === undefined
        ? committedText({ result, events: [], writesText: writesOf })
        : refusedText(lie.refused),
    timestampMs: lie.header?.timestampMs ?? head.header.timestampMs,
  });
  const body = lie.body?.(honest) ?? honest;
  const writesRoot = rootOf([textLeaf(writesOf)]);
  const { stateRoot: _, ...previous } = head.header;
  const header: EmbeddedBlockHeader = {
    ...previous,
    number,
    previousHash: head.hash,
    count: 1,
    transactionsRoot: rootOf([textLeaf(body)]),
    writesRoot,
    stateCommitment: nextCommitment(head.header.stateCommitment, writesRoot),
    ...lie.header,
  };
  const sealed = await sealHeader(header, lie.signer ?? place.signer);
  const position = positionOf(number, 0);
  store.commit(sealed, [body], {
    current: texts.map(([key, text]) => ({ key, text, position, isNew: false })),
    passed: [],
    refusals: lie.refused === undefined ? [] : [{ callId: id, position }],
  });
}

async function findings(reexecute = false): Promise<readonly Finding[]> {
  return (await verifyLedger(place.file, { runtimeModule, reexecute })).findings;
}

describe('a node that seals false blocks', () => {
  it('is believed when the block is true', async () => {
    await append({});
    expect(await findings(true)).toEqual([]);
  });

  it('cannot make a call that nobody signed', async () => {
    await append({ signature: () => 'A'.repeat(86) });
    expect(await findings()).toMatchObject([{ code: 'call-signature', block: 3, index: 0 }]);
  });

  it('cannot show another call than the one that was signed', async () => {
    const shownIn = (honest: string): string => {
      const { call } = parseBody(honest);
      return canonical({ ...call, payload: { ...call.payload, args: { writes: [['page/1', 'shown']] } } } as never);
    };
    const lies: ((honest: string) => string)[] = [
      // JSON.parse takes the last of two members of one name, the signature is checked over the first.
      (honest) => honest.replace(',"outcome":', `,"call":${shownIn(honest)},"outcome":`),
      (honest) => honest.replace(',"timestampMs":', `,"call":${shownIn(honest)},"timestampMs":`),
      (honest) =>
        honest.replace('{"call":', '{"aaaa":').replace(',"outcome":', `,"call":${shownIn(honest)},"outcome":`),
      (honest) => honest.replace(',"timestampMs":', ', "timestampMs":'),
      (honest) => honest.replace(/\}$/, ',"zz":1}'),
    ];
    for (const body of lies) {
      await reset();
      await append({ body });
      expect(await findings(), body.toString()).toContainEqual(
        expect.objectContaining({ code: 'transaction', block: 3, index: 0, message: NOT_CANONICAL }),
      );
    }
  });

  it('cannot let a call write what its contract did not: running it again shows it', async () => {
    await append({ writes: [['page/1', 3]] });
    expect(await findings()).toEqual([]);
    expect(await findings(true)).toMatchObject([{ code: 'outcome', block: 3, index: 0 }]);
  });

  it('cannot refuse what the contract accepts', async () => {
    await append({ refused: 'stale-epoch' });
    expect(await findings()).toEqual([]);
    expect(await findings(true)).toMatchObject([{ code: 'outcome', block: 3, index: 0 }]);
  });

  it('cannot break the chain, its commitment, its roots, its time or its key', async () => {
    const hash = 'A'.repeat(43);
    const lies: [code: string, lie: Lie][] = [
      ['header', { header: { previousHash: hash } }],
      ['state-commitment', { header: { stateCommitment: hash } }],
      ['transactions-root', { header: { transactionsRoot: hash } }],
      ['writes-root', { header: { writesRoot: hash } }],
      ['header', { header: { timestampMs: 1 } }],
      ['header', { header: { network: 'B'.repeat(22) } }],
      ['block-missing', { header: { number: 7 } }],
      ['transaction-missing', { header: { count: 2 } }],
      ['header-signature', { signer: newSigner() }],
      ['state-root', { header: { stateRoot: { number: 2, root: hash } } }],
    ];
    const other = newSigner();
    lies.push(['header', { signer: other, header: { ledgerKey: other.publicKey } }]);
    for (const [code, lie] of lies) {
      await reset();
      await append(lie);
      const found = await findings();
      expect(
        found.map((finding) => finding.code),
        JSON.stringify(lie),
      ).toContain(code);
    }
    expect(lies.length).toBe(11);
  });
});
