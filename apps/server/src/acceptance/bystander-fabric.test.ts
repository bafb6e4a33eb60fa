import { common, ledger, msp, peer } from '@hyperledger/fabric-protos';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { readBlock, readChainInfo } from '@salus/network/channel';
import { fabricBinaries, scaled } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  addPatient,
  bringRequest,
  grantMedication,
  readAll,
  revokeGrant,
  type TestPatient,
} from '../../test/consortium.ts';
import { type FabricConsortium, openFabricConsortium } from '../../test/fabric-consortium.ts';
import { attackByTiming, deviationOf, type Watched, watch } from '../../test/timing-attacker.ts';

const binaries = fabricBinaries();
const BASE_PORT = 27_200;
const START_MS = 900_000;
const BEHIND_MS = 60_000;
const GRANTEES = ['hospital-b', 'laboratory'] as const;
type Grantee = (typeof GRANTEES)[number];
const READERS: { readonly [grantee in Grantee]: string } = { 'hospital-b': 'b.novak', laboratory: 'lab.ivers' };
/** Grants to each grantee; each is used once and then revoked. */
const GRANTS = scaled(8, 32);
const RANDOM = /[A-Za-z0-9_-]{22,}|(?<![0-9])1[0-9]{12}(?![0-9])/g;
/** More standard deviations than chance gives once in 10⁹ times. */
const DEVIATIONS_MAX = 6;
/** Grants to each grantee whose use is watched. */
const TIMED = 16;
/** Chance is beyond it once in 10⁹ times; who is always right would be at 5.7. */
const GUESS_DEVIATIONS_MAX = 5.6;

interface Made {
  readonly grantee: Grantee;
  readonly grant: string;
}

/** One transaction as a member of the channel sees it that has no part in it. */
interface Seen {
  readonly transactions: readonly string[];
  readonly creator: string;
  /** In the order in which they stand in the block. */
  readonly endorsers: readonly string[];
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** Each call with its outcome, in order. */
  readonly calls: readonly string[];
}

const textOf = ({ calls }: Seen): string => calls.join('\n');

describe.skipIf(binaries === undefined)('a bystander with every block, read set and endorsement on Fabric', () => {
  let network: TestNetwork;
  let consortium: FabricConsortium;
  let patient: TestPatient;
  const made: Made[] = [];
  const seen = new Map<string, Seen[]>();

  beforeAll(async () => {
    const organisations = ['hospital-a', ...GRANTEES, 'pharmacy'];
    network = await startTestNetwork({ binaries: binaries!, basePort: BASE_PORT, organisations, orderers: 1 });
    consortium = await openFabricConsortium(['hospital-a', ...GRANTEES], (slug) => network.connectionFile(slug));
    patient = await addPatient(consortium, { at: ['hospital-a'], seed: 3 });
    const pid = patient.pids.get('hospital-a')!;
    for (let index = 0; index < GRANTS * GRANTEES.length; index += 1) {
      const grantee = GRANTEES[index % GRANTEES.length]!;
      const grant = await grantMedication(consortium, patient, { author: 'hospital-a', reader: grantee });
      made.push({ grantee, grant });
      const request = await bringRequest(consortium, READERS[grantee], { author: 'hospital-a', pid, grant });
      await consortium.cast.organisation(grantee).exchange.reader.open(request);
      await revokeGrant(consortium, patient, { author: 'hospital-a', grant });
    }
    for (const transaction of await readAllTransactions(network, await consortium.node('hospital-a').ledger.height())) {
      for (const { grant } of made) {
        if (textOf(transaction).includes(grant)) seen.set(grant, [...(seen.get(grant) ?? []), transaction]);
      }
    }
  }, START_MS);

  afterAll(async () => {
    await consortium?.[Symbol.asyncDispose]();
    await network?.stop();
  });

  const of = (grantee: Grantee): readonly (readonly Seen[])[] =>
    made.filter((one) => one.grantee === grantee).map(({ grant }) => seen.get(grant) ?? []);

  it('sees the same calls, submitters, keys read and keys written, whoever the grantee is', () => {
    // What happened to be gathered with them is a matter of timing: the transactions that stand alone are compared.
    const alone = (list: readonly Seen[]): readonly Seen[] =>
      list.filter(({ transactions }) => transactions.length === 1);
    const [first, second] = GRANTEES.map((grantee) => of(grantee).map((list) => alone(list).map(shapeOf)));
    expect(first).toHaveLength(GRANTS);
    // A grant, its use and its revocation; on a slow machine many have a root of the submitter's beside them.
    for (const lists of [first!, second!]) expect(lists.flat().length).toBeGreaterThan(GRANTS / 2);
    const shapes = [first!, second!].map((lists) => [...new Set(lists.flat())].sort());
    expect(shapes[0]).toEqual(shapes[1]);
    expect(shapes[0]).toHaveLength(3);
    expect(shapes[0]!.join('\n')).toContain('membership/revoked/');
  });

  it('sees every transaction of a grant submitted by the pid’s organisation, and endorsers that lean to no grantee', () => {
    const [first, second] = GRANTEES.map((grantee) => {
      const all = of(grantee).flat();
      for (const { creator, endorsers } of all) {
        expect(creator).toBe('hospital-a');
        expect(endorsers).toContain('hospital-a');
        expect(endorsers).toHaveLength(2);
      }
      return { all: all.length, drawn: all.filter(({ endorsers }) => endorsers.includes(GRANTEES[0])).length };
    });
    // An organisation that was slow is not drawn for a while, whoever the grantee is, and grants to both alternate: the
    // other endorser is the same grantee as often for the grants of either, but for chance.
    const drawn = (first!.drawn + second!.drawn) / (first!.all + second!.all);
    const difference = Math.abs(first!.drawn / first!.all - second!.drawn / second!.all);
    const deviation = Math.sqrt(drawn * (1 - drawn) * (1 / first!.all + 1 / second!.all));
    expect(difference).toBeLessThanOrEqual(DEVIATIONS_MAX * deviation);
  });

  it('finds nothing in these transactions that the ledger knows of the grantees’ members', async () => {
    const ledgerOf = consortium.node('hospital-a').ledger;
    const known = new Set<string>();
    for (const slug of GRANTEES) {
      const facts = [await ledgerOf.get(`membership/roots/${slug}`)];
      for (const { id } of consortium.members.filter(({ organisation }) => organisation === slug)) known.add(id);
      for (const [value] of JSON.stringify(facts).matchAll(/[A-Za-z0-9_-]{22,}/g)) known.add(value);
    }
    known.delete(consortium.network);
    expect(known.size).toBeGreaterThan(6);
    const calls = [...seen.values()].flat().map((one) => [textOf(one), ...one.reads, ...one.writes].join('\n'));
    expect(calls.length).toBeGreaterThanOrEqual(3 * made.length);
    expect([...known].filter((value) => calls.some((text) => text.includes(value)))).toEqual([]);
  });

  it('sees nothing gathered with a grant’s calls but the roots of the submitter’s own logs', () => {
    // A consistency proof repeats nodes of the tree of this log: two grants beside two such proofs share values of nobody's.
    const beside = made.flatMap(({ grant }) =>
      seen
        .get(grant)!
        .flatMap(({ calls, transactions }) => transactions.filter((_, at) => !calls[at]!.includes(grant))),
    );
    expect(beside.filter((name) => name !== 'access.root')).toEqual([]);
  });

  it('sees no value return in the grants of one grantee that is absent from the other’s', () => {
    const grantsWith = new Map<string, Set<string>>();
    for (const { grant } of made) {
      for (const call of seen.get(grant)!.flatMap(({ calls }) => calls.filter((text) => text.includes(grant)))) {
        for (const [value] of call.matchAll(RANDOM)) {
          if (!/^1[0-9]{12}$/.test(value)) grantsWith.set(value, (grantsWith.get(value) ?? new Set()).add(grant));
        }
      }
    }
    const granteeOf = new Map(made.map(({ grant, grantee }) => [grant, grantee]));
    const telling = [...grantsWith].filter(
      ([, grants]) => grants.size > 1 && new Set([...grants].map((grant) => granteeOf.get(grant))).size === 1,
    );
    expect(grantsWith.size).toBeGreaterThan(GRANTS * 4);
    expect(telling).toEqual([]);
  });

  it(
    'sees neither by time nor by size of anybody’s roots who has read, at a quiet hour',
    async () => {
      const { ledger } = consortium.node('hospital-a');
      const pid = patient.pids.get('hospital-a')!;
      const watched: Watched[] = [];
      for (let index = 0; index < TIMED * GRANTEES.length; index += 1) {
        const grantee = GRANTEES[index % GRANTEES.length]!;
        const grant = await grantMedication(consortium, patient, { author: 'hospital-a', reader: grantee });
        const used = await watch(ledger, GRANTEES, async () => {
          const texts = await readAll(consortium, READERS[grantee], { author: 'hospital-a', pid, grant });
          expect(texts.length).toBeGreaterThan(0);
        });
        watched.push({ grantee, ...used });
        await revokeGrant(consortium, patient, { author: 'hospital-a', grant });
      }
      const guesses = await attackByTiming(ledger, GRANTEES, watched);
      expect(guesses.length).toBeGreaterThan(4);
      expect(guesses.filter((guess) => deviationOf(guess) > GUESS_DEVIATIONS_MAX)).toEqual([]);
    },
    START_MS,
  );
});

function masked(text: string): string {
  return text.replaceAll(RANDOM, (found) => `<${found.length}>`);
}

function shapeOf({ transactions, creator, reads, writes }: Seen): string {
  const keys = (list: readonly string[]): string => [...new Set(list.map(masked))].sort().join(' ');
  return `${transactions.join()} by ${creator} reads ${keys(reads)} writes ${keys(writes)}`;
}

/** Every valid transaction of the contracts up to a block, from the peer of an organisation that has no node. */
async function readAllTransactions(network: TestNetwork, newest: number): Promise<readonly Seen[]> {
  const [address] = network.peers('pharmacy');
  const admin = network.admin('pharmacy');
  const { channel } = (await import('@salus/ledger-fabric')).readFabricConnection(network.connectionFile('pharmacy'));
  // It applies the last blocks in its own time.
  const height = await vi.waitFor(
    async () => {
      const info = await readChainInfo(address!, admin, channel);
      expect(info.height).toBeGreaterThan(newest);
      return info.height;
    },
    { timeout: BEHIND_MS, interval: 50 },
  );
  const all: Seen[] = [];
  for (let number = 0; number < height; number += 1) {
    const block = common.Block.deserializeBinary(await readBlock(address!, admin, channel, number));
    for (const envelope of block.getData()!.getDataList_asU8()) {
      const transaction = findSeen(envelope);
      if (transaction !== undefined) all.push(transaction);
    }
  }
  return all;
}

function findSeen(envelope: Uint8Array): Seen | undefined {
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
  const header = payload.getHeader()!;
  const type = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8()).getType();
  if (type !== common.HeaderType.ENDORSER_TRANSACTION) return undefined;
  const signed = common.SignatureHeader.deserializeBinary(header.getSignatureHeader_asU8());
  const [action] = peer.Transaction.deserializeBinary(payload.getData_asU8()).getActionsList();
  const { endorsed, args } = partsOf(action!.getPayload_asU8());
  const [name, text] = args;
  if (name !== 'submit' || text === undefined) return undefined;
  const response = peer.ProposalResponsePayload.deserializeBinary(endorsed.getProposalResponsePayload_asU8());
  const result = peer.ChaincodeAction.deserializeBinary(response.getExtension_asU8());
  const { calls } = JSON.parse(text) as {
    readonly calls: readonly { readonly payload: { readonly contract: string; readonly transaction: string } }[];
  };
  const answer = Buffer.from(result.getResponse()!.getPayload_asU8()).toString();
  const { outcomes } = JSON.parse(answer) as { readonly outcomes: readonly unknown[] };
  if (outcomes.length !== calls.length) throw new Error('every call of a transaction has its outcome');
  return {
    transactions: calls.map(({ payload: { contract, transaction } }) => `${contract}.${transaction}`),
    creator: mspIdOf(signed.getCreator_asU8()),
    endorsers: endorsed.getEndorsementsList().map((endorsement) => mspIdOf(endorsement.getEndorser_asU8())),
    ...keysOf(result.getResults_asU8()),
    calls: calls.map((call, at) => `${JSON.stringify(call)}\n${JSON.stringify(outcomes[at])}`),
  };
}

function partsOf(bytes: Uint8Array) {
  const action = peer.ChaincodeActionPayload.deserializeBinary(bytes);
  const proposal = peer.ChaincodeProposalPayload.deserializeBinary(action.getChaincodeProposalPayload_asU8());
  const invocation = peer.ChaincodeInvocationSpec.deserializeBinary(proposal.getInput_asU8());
  const input = invocation.getChaincodeSpec()!.getInput()!;
  return {
    endorsed: action.getAction()!,
    args: input.getArgsList_asU8().map((argument) => Buffer.from(argument).toString()),
  };
}

function keysOf(results: Uint8Array): Pick<Seen, 'reads' | 'writes'> {
  const sets = ledger.rwset.TxReadWriteSet.deserializeBinary(results).getNsRwsetList();
  const own = sets.filter((set) => set.getNamespace() === 'salus');
  const parsed = own.map((set) => ledger.rwset.kvrwset.KVRWSet.deserializeBinary(set.getRwset_asU8()));
  return {
    reads: parsed.flatMap((set) => [
      ...set.getReadsList().map((read) => read.getKey()),
      ...set.getRangeQueriesInfoList().map((range) => `${range.getStartKey()} to ${range.getEndKey()}`),
    ]),
    writes: parsed.flatMap((set) => set.getWritesList().map((write) => write.getKey())),
  };
}

function mspIdOf(bytes: Uint8Array): string {
  return msp.SerializedIdentity.deserializeBinary(bytes).getMspid();
}
