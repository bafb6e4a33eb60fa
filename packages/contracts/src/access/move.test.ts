import { describe, expect, it } from 'vitest';
import { DAY_MS } from '../../test/host.ts';
import { sign, testHash } from '../../test/keys.ts';
import { createNetwork, joinArgs, prepareOrganisation, type TestNetwork } from '../../test/network.ts';
import { execute } from '../execute.ts';
import { IMPORT_KEY, type ImportFact, MOVE_KEY } from './move.ts';

const CHANNEL = 'salus-moved';
const END = { number: 41, hash: testHash('block 41'), stateCommitment: testHash('commitment 41') };

async function proposeMove(network: TestNetwork, by = 'hospital-a'): Promise<string> {
  const { administrator } = network.organisation(by);
  const args = { channel: CHANNEL };
  const answer = await network.commit({ transaction: 'membership.proposeMove', args, by: administrator });
  return (answer as { readonly proposal: string }).proposal;
}

const voting = (network: TestNetwork, by: string, proposal: string, approve = true) =>
  ({
    transaction: 'membership.vote',
    args: { proposal, approve },
    by: network.organisation(by).administrator,
  }) as const;

const rooting = (network: TestNetwork, by = 'hospital-a') =>
  ({
    transaction: 'access.root',
    args: { log: 'audit', size: 1, root: testHash('root'), proof: [] },
    by: network.organisation(by).node,
  }) as const;

async function move(network: TestNetwork): Promise<void> {
  const proposal = await proposeMove(network);
  expect(await network.commit(voting(network, 'hospital-b', proposal))).toMatchObject({ status: 'applied' });
}

/** What the import leaves behind when it has taken everything over; no call can write it. */
function takeOver(network: TestNetwork, more: Partial<ImportFact> = {}): void {
  const progress: ImportFact = { ...END, timestampMs: 1, ledgerKey: testHash('key'), count: 3, taken: 3, ...more };
  network.state.set(IMPORT_KEY, progress);
}

function signaturesOf(network: TestNetwork, end: { readonly number: number; readonly hash: string } = END) {
  const { pure, network: id } = network.host;
  const { number, hash } = end;
  const message = pure.canonical({ version: 'salus:checkpoint:v1', alg: 'ES256', network: id, number, hash });
  return Object.values(network.organisations).map(({ name, node }) => ({
    organisation: name,
    id: node.id,
    signature: sign(node.key, message),
  }));
}

const migrating = (network: TestNetwork, more: object = {}) =>
  ({
    transaction: 'access.migrated',
    args: { ...END, signatures: signaturesOf(network), ...more },
    by: network.organisation('hospital-a').administrator,
  }) as const;

describe('membership.proposeMove', () => {
  it('ends the ledger when more than half of the organisations want it, and not before', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b', 'lab', 'pharmacy']);
    const proposal = await proposeMove(network);
    await network.commit(voting(network, 'hospital-b', proposal));
    await network.commit(rooting(network));
    expect(network.state.has(MOVE_KEY)).toBe(false);
    expect(await network.commit(voting(network, 'lab', proposal))).toMatchObject({ status: 'applied' });
    expect(network.state.get(MOVE_KEY)).toEqual({
      status: 'moved',
      proposal,
      channel: CHANNEL,
      movedMs: network.nowMs(),
    });
  });

  it('leaves the ledger as it is when a majority refuses', async () => {
    const network = await createNetwork();
    const proposal = await proposeMove(network);
    expect(await network.commit(voting(network, 'hospital-b', proposal, false))).toMatchObject({ status: 'rejected' });
    await network.commit(rooting(network));
    expect(network.state.has(MOVE_KEY)).toBe(false);
  });

  it('is refused on a channel, also one that was born there, and so is the vote on one that is open', async () => {
    const network = await createNetwork();
    const proposal = await proposeMove(network);
    const host = { ...network.host, onChannel: true };
    const { administrator } = network.organisation('hospital-a');
    const args = { channel: CHANNEL };
    for (const options of [
      { transaction: 'membership.proposeMove', args, by: administrator },
      voting(network, 'hospital-b', proposal),
    ]) {
      const { call } = network.sign(options);
      const outcome = await execute(host, { call, timestampMs: network.nowMs(), mode: 'full' });
      expect(outcome).toMatchObject({ kind: 'refused', code: 'already-migrated' });
    }
  });

  it('is an administrator’s proposal, and names a channel', async () => {
    const network = await createNetwork();
    const { administrator, clinician, node } = network.organisation('hospital-a');
    const proposing = { transaction: 'membership.proposeMove', args: { channel: CHANNEL } } as const;
    await network.refuse({ ...proposing, by: clinician }, 'role-missing');
    await network.refuse({ ...proposing, by: node }, 'member-kind-not-allowed');
    for (const channel of ['', 'Upper', '1st', 'a b', 'x'.repeat(250), 7]) {
      await network.refuse({ ...proposing, args: { channel }, by: administrator }, 'args-invalid');
    }
  });
});

describe('a ledger that has moved', () => {
  it('refuses every kind of call, whoever signs it and whatever it is', async () => {
    const network = await createNetwork();
    const patient = await network.claim('hospital-a', 'ann');
    const applicant = await prepareOrganisation(network, 'lab');
    await move(network);
    const { administrator } = network.organisation('hospital-a');
    const by = administrator;
    await network.refuse(rooting(network), 'ledger-moved');
    await network.refuse(
      { transaction: 'membership.proposeJoin', args: joinArgs(network, applicant), by },
      'ledger-moved',
    );
    await network.refuse({ transaction: 'membership.proposeMove', args: { channel: 'other' }, by }, 'ledger-moved');
    await network.refuse({ transaction: 'no.such', args: {}, by }, 'ledger-moved');
    const revoking = { pid: patient.pid, grant: testHash('grant').slice(0, 22) };
    const revocation = { transaction: 'consent.revoke', args: revoking, by: patient.phone, notAfter: null };
    await network.refuse(revocation, 'ledger-moved');
    await network.refuse(migrating(network), 'ledger-moved');
  });

  it('answers a call that committed before as it did then', async () => {
    const network = await createNetwork();
    const call = network.sign(rooting(network));
    const first = await network.submit(call);
    await move(network);
    network.advance(DAY_MS);
    expect(await network.submit(call)).toMatchObject({ kind: 'repeated', callId: first.callId });
  });

  it('takes calls again neither at another time nor from another organisation', async () => {
    const network = await createNetwork();
    await move(network);
    network.advance(40 * DAY_MS);
    for (const name of ['hospital-a', 'hospital-b']) await network.refuse(rooting(network, name), 'ledger-moved');
  });
});

describe('access.migrated', () => {
  it('opens the channel that has taken the whole ledger over, and names what it reached', async () => {
    const network = await createNetwork();
    await move(network);
    takeOver(network);
    await network.refuse(rooting(network), 'ledger-moved');
    await network.commit(migrating(network));
    expect(network.state.get(MOVE_KEY)).toMatchObject({ status: 'migrated', channel: CHANNEL, ...END });
    expect(network.state.has(IMPORT_KEY)).toBe(false);
    await network.commit(rooting(network));
  });

  it('refuses while blocks are missing, at the start, in the middle of a block and where no ledger ever moved', async () => {
    const network = await createNetwork();
    await network.refuse(migrating(network), 'import-incomplete');
    network.state.set(MOVE_KEY, { status: 'importing' });
    await network.refuse(migrating(network), 'ledger-moved');
    takeOver(network);
    await network.refuse(migrating(network), 'import-incomplete');
    await network.refuse(rooting(network), 'ledger-moved');
    network.state.delete(MOVE_KEY);
    await move(network);
    takeOver(network, { taken: 2 });
    await network.refuse(migrating(network), 'import-incomplete');
  });

  it('refuses another block, hash or state commitment than the import has reached', async () => {
    const network = await createNetwork();
    await move(network);
    takeOver(network);
    await network.refuse(migrating(network, { number: 42 }), 'import-mismatch');
    await network.refuse(migrating(network, { hash: testHash('x') }), 'import-mismatch');
    await network.refuse(migrating(network, { stateCommitment: testHash('x') }), 'import-mismatch');
  });

  it('refuses unless an enrolled node of every active organisation signed that very block', async () => {
    const network = await createNetwork();
    await move(network);
    takeOver(network);
    const [a, b] = signaturesOf(network);
    const [ofOther] = signaturesOf(network, { number: 41, hash: testHash('another ledger') });
    const administrator = network.organisation('hospital-b').administrator;
    for (const signatures of [
      [a],
      [b],
      [ofOther, b],
      [a, { ...b, id: testHash('nobody').slice(0, 22) }],
      [a, { ...b, id: a!.id, signature: a!.signature }],
      [a, { ...b, id: administrator.id }],
    ]) {
      await network.refuse(migrating(network, { signatures }), 'import-unvouched');
    }
    await network.refuse(migrating(network, { signatures: [a, a] }), 'args-invalid');
    await network.refuse(migrating(network, { signatures: [] }), 'args-invalid');
    expect(network.state.get(MOVE_KEY)).toMatchObject({ status: 'moved' });
  });

  it('is no client’s and no patient’s act', async () => {
    const network = await createNetwork();
    const patient = await network.claim('hospital-a', 'ann');
    await move(network);
    takeOver(network);
    await network.refuse({ ...migrating(network), by: patient.phone }, 'signer-not-allowed');
    const { feed, node } = network.organisation('hospital-a');
    await network.refuse({ ...migrating(network), by: feed }, 'member-kind-not-allowed');
    await network.commit({ ...migrating(network), by: node });
  });

  it('happens once: a channel neither takes a second ledger over nor moves on', async () => {
    const network = await createNetwork();
    await move(network);
    takeOver(network);
    await network.commit(migrating(network));
    await network.refuse(migrating(network), 'already-migrated');
    takeOver(network);
    await network.refuse(migrating(network), 'already-migrated');
    const { administrator } = network.organisation('hospital-a');
    const args = { channel: 'further' };
    await network.refuse({ transaction: 'membership.proposeMove', args, by: administrator }, 'already-migrated');
  });
});
