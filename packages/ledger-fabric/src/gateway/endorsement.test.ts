import { common, gateway, msp, peer } from '@hyperledger/fabric-protos';
import type { Json } from '@salus/contracts';
import { LedgerError } from '@salus/ledger';
import { beforeAll, describe, expect, it } from 'vitest';
import { configurationEnvelope, endorsedEnvelope, type Proposed } from '../../test/envelopes.ts';
import { createImpostor, createOrganisation, type Machine, type Organisation } from '../../test/machines.ts';
import { ChannelMembers } from '../block/channel-members.ts';
import { decodeTransaction } from '../block/transaction.ts';
import { Endorser } from './endorsement.ts';
import type { PendingCall } from './pending-call.ts';

const NAMES = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'] as const;
const OWN = 'hospital-a';

let organisations: ReadonlyMap<string, Organisation>;
let members: ChannelMembers;

beforeAll(async () => {
  organisations = new Map(
    await Promise.all(NAMES.map(async (name) => [name, await createOrganisation(name)] as const)),
  );
  const groups = new Map<string, common.ConfigGroup>();
  for (const [name, organisation] of organisations) groups.set(name, await organisation.group());
  const block = configurationEnvelope(groups, { creator: organisations.get(OWN)!.node, timestampMs: 1 });
  const first = decodeTransaction(block);
  if (first.kind !== 'configuration') throw new Error('expected a configuration');
  members = new ChannelMembers(first.configuration);
});

/** How the peer of each organisation endorses; honestly unless told. */
type Peers = Readonly<
  Record<string, { readonly as?: Machine; readonly isForged?: boolean; readonly isMissing?: boolean }>
>;

/** An endorser whose own peer's gateway takes whatever the others sign; `asked` tells whom it was to ask. */
function openEndorser(
  peers: Peers,
  isStale: readonly boolean[] = [],
): { readonly endorser: Endorser; readonly asked: (readonly string[])[] } {
  const asked: (readonly string[])[] = [];
  const endorser = new Endorser({
    connection: { channel: 'care', chaincode: 'salus', organisation: OWN } as never,
    identity: { creator: organisations.get(OWN)!.node.identity } as never,
    follower: {
      peek: (key): Json | undefined => {
        if (isStale.at(-1) === true) throw new LedgerError('unavailable', 'the follower may have missed blocks');
        if (key === 'membership/network') return { organisations: [...NAMES] };
        return key.startsWith('membership/roots/') ? { status: 'active' } : undefined;
      },
      findEndorsers: (endorsements, payload) => members.endorsersOf(endorsements, payload),
    },
    peers: {
      evaluate: async () => definition(),
      endorse: async (bytes) => {
        const names = gateway.ProposedTransaction.deserializeBinary(bytes).getEndorsingOrganizationsList();
        asked.push(names);
        const signers = names.flatMap((name) => {
          const { as = organisations.get(name)!.peer, isForged = false, isMissing = false } = peers[name] ?? {};
          return isMissing ? [] : [{ machine: as, isForged }];
        });
        return { transaction: { getBytes: () => prepared(signers) } as never, peer: 0 };
      },
    },
    clock: () => 1,
  });
  return { endorser, asked };
}

function prepared(signers: readonly { readonly machine: Machine; readonly isForged: boolean }[]): Uint8Array {
  const proposed: Proposed = {
    ...{
      txId: 'f'.repeat(64),
      timestampMs: 1,
      creator: organisations.get(OWN)!.node,
      chaincode: 'salus',
      version: '1',
    },
    ...{ endorsers: signers.map(({ machine }) => machine), args: [], writes: {} },
    response: { status: 200, payload: new Uint8Array() },
  };
  const forged = signers.filter(({ isForged }) => isForged).map(({ machine }) => machine);
  const transaction = new gateway.PreparedTransaction();
  transaction.setEnvelope(common.Envelope.deserializeBinary(endorsedEnvelope(proposed, forged)));
  return transaction.serializeBinary();
}

/** The chaincode's definition: two of the organisations endorse. */
function definition(): Uint8Array {
  const envelope = new common.SignaturePolicyEnvelope();
  const threshold = new common.SignaturePolicy.NOutOf();
  threshold.setN(2);
  for (const [at, name] of NAMES.entries()) {
    const role = new msp.MSPRole();
    role.setMspIdentifier(name);
    const principal = new msp.MSPPrincipal();
    principal.setPrincipalClassification(msp.MSPPrincipal.Classification.ROLE);
    principal.setPrincipal(role.serializeBinary());
    envelope.addIdentities(principal);
    const rule = new common.SignaturePolicy();
    rule.setSignedBy(at);
    threshold.addRules(rule);
  }
  const rule = new common.SignaturePolicy();
  rule.setNOutOf(threshold);
  envelope.setRule(rule);
  const policy = new peer.ApplicationPolicy();
  policy.setSignaturePolicy(envelope);
  const result = new peer.lifecycle.QueryChaincodeDefinitionResult();
  result.setValidationParameter(policy.serializeBinary());
  return result.serializeBinary();
}

function callOf(id: string): PendingCall {
  return { call: { payload: { contract: 'patient' }, signature: id }, callId: id } as unknown as PendingCall;
}

describe('an endorsement', () => {
  it('is taken with the signature of each organisation that was asked', async () => {
    const { endorser, asked } = openEndorser({});
    const result = await endorser.endorse([callOf('a')], 0);
    expect(result).toMatchObject({ kind: 'endorsed', others: asked[0]!.slice(1) });
    expect(asked).toHaveLength(1);
  });

  it('of another organisation does not count without a valid signature of a machine of its own', async () => {
    const stranger = await createImpostor('laboratory');
    const own = organisations.get(OWN)!.peer;
    for (const way of [{ isForged: true }, { as: stranger }, { as: own }, { isMissing: true }]) {
      const { endorser, asked } = openEndorser({ laboratory: way });
      for (let at = 0; at < 12; at += 1) {
        const result = await endorser.endorse([callOf(`call ${at}`)], 0);
        if (!asked.at(-1)!.includes('laboratory')) expect(result.kind).toBe('endorsed');
        else
          expect(result).toMatchObject({
            kind: 'failed',
            fault: { kind: 'others', organisations: ['laboratory'] },
            reason: 'no endorsement with a valid signature from laboratory',
          });
      }
      // Once it was drawn; then it is drawn for no call, the one that is sent again among them.
      expect(asked.filter((names) => names.includes('laboratory'))).toHaveLength(1);
    }
  });

  it('is asked of whoever was set aside only where nobody else is left', async () => {
    const { endorser, asked } = openEndorser({});
    endorser.setAside(['hospital-b', 'laboratory']);
    for (let at = 0; at < 12; at += 1) await endorser.endorse([callOf(`call ${at}`)], at);
    expect(new Set(asked.map(([, second]) => second))).toEqual(new Set(['pharmacy']));
    endorser.setAside(['pharmacy']);
    expect(await endorser.endorse([callOf('a')], 0)).toMatchObject({ kind: 'endorsed' });
    expect(asked.at(-1)).not.toContain('pharmacy');
  });

  it('waits for a follower that may have missed blocks, and asks nobody meanwhile', async () => {
    const isStale = [true];
    const { endorser, asked } = openEndorser({}, isStale);
    expect(await endorser.endorse([callOf('a')], 0)).toMatchObject({ kind: 'failed', fault: { kind: 'unreachable' } });
    expect(asked).toEqual([]);
    isStale.push(false);
    expect(await endorser.endorse([callOf('a')], 0)).toMatchObject({ kind: 'endorsed' });
  });
});
