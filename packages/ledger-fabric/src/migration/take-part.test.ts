import { Metadata, status } from '@grpc/grpc-js';
import { GatewayError } from '@hyperledger/fabric-gateway';
import { peer } from '@hyperledger/fabric-protos';
import { IMPORT_KEY, type ImportFact, type Json, MOVE_KEY } from '@salus/contracts';
import { describe, expect, it } from 'vitest';
import { type ImportCode, type ImportPiece, importRefusedText } from './import-wire.ts';
import { type PartRun, takePart } from './take-part.ts';

const { VALID, MVCC_READ_CONFLICT, ENDORSEMENT_POLICY_FAILURE } = peer.TxValidationCode;

/** One organisation's place: what its own peer and the others say, and how far its follower has come. */
type Script = {
  /** What the attempt meets, `ok` unless told. */
  readonly endorse?: (attempt: number, place: Place) => GatewayError | 'ok';
  readonly order?: (attempt: number) => GatewayError | 'ok';
  readonly code?: number;
  readonly alarm?: string;
};

class Place {
  readonly state = new Map<string, Json>();
  attempts = 0;
  readonly run: PartRun;

  constructor(script: Script = {}) {
    this.run = {
      connection: { organisation: 'hospital-b', channel: 'salus', chaincode: 'salus' },
      creator: new Uint8Array([1]),
      clock: () => 1,
      follower: {
        organisations: ['hospital-a', 'hospital-b'],
        peek: (key) => this.state.get(key),
        awaitTransaction: (_, signal) =>
          new Promise((resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
            const alarm = script.alarm === undefined ? {} : { alarm: script.alarm };
            if (script.order === undefined) resolve({ code: script.code ?? VALID, ...alarm } as never);
          }),
      },
      peers: {
        endorse: async () => {
          this.attempts += 1;
          const answer = script.endorse?.(this.attempts, this) ?? 'ok';
          if (answer !== 'ok') throw answer;
          return {} as never;
        },
        order: async () => {
          const answer = script.order?.(this.attempts) ?? 'ok';
          if (answer !== 'ok') throw answer;
        },
      },
    };
  }

  /** The follower applies the block in which another member's part stands. */
  reach(number: number): void {
    const progress: ImportFact = {
      ...{ number, hash: 'h', stateCommitment: 's', timestampMs: 1, ledgerKey: 'k', count: 1, taken: 1 },
    };
    this.state.set(IMPORT_KEY, progress as unknown as Json);
  }
}

function failure(code: status, details: readonly { readonly mspId: string; readonly message: string }[] = []) {
  const cause = Object.assign(new Error('failed'), { code, details: 'failed', metadata: new Metadata() });
  const from = details.map((detail) => ({ address: 'peer0:7051', ...detail }));
  return new GatewayError({ code, message: 'failed', details: from, cause });
}

function refused(mspId: string, code: ImportCode): GatewayError {
  const message = `chaincode response 409, ${importRefusedText({ code, block: 0, index: null })}`;
  return failure(status.ABORTED, [{ mspId, message }]);
}

function pieceOf(number: number): ImportPiece {
  const header = JSON.stringify({ number });
  return { header, signature: 's', level: 0, index: 0, bodies: [], transactionsProof: [], writesProof: [] };
}

describe('a part of an import', () => {
  it('is taken once the own follower has applied it', async () => {
    expect(await takePart(new Place().run, [pieceOf(0)])).toBe(true);
    expect(await takePart(new Place({ code: MVCC_READ_CONFLICT }).run, [pieceOf(0)])).toBe(false);
  });

  it.each<ImportCode>(['order', 'ended'])(
    'is another’s where the own peer has a block that its follower still checks (%s)',
    async (code) => {
      const place = new Place({
        endorse: (attempt, { reach }) => {
          if (attempt === 4) reach.call(place, 511);
          return refused('hospital-b', code);
        },
      });
      expect(await takePart(place.run, [pieceOf(0)])).toBe(false);
      expect(place.attempts).toBe(4);
    },
  );

  it('is another’s where the whole import has ended meanwhile', async () => {
    const place: Place = new Place({
      endorse: (attempt) => {
        if (attempt === 3) place.state.set(MOVE_KEY, { status: 'migrated' });
        return refused('hospital-b', 'migrated');
      },
    });
    expect(await takePart(place.run, [pieceOf(0)])).toBe(false);
  });

  it('is sent again where another organisation’s peer is a block behind, or does not answer in time', async () => {
    const answers = [refused('hospital-a', 'order'), failure(status.DEADLINE_EXCEEDED), 'ok'] as const;
    const place = new Place({ endorse: (attempt) => answers[attempt - 1]! });
    expect(await takePart(place.run, [pieceOf(0)])).toBe(true);
    expect(place.attempts).toBe(3);
  });

  it('is another’s too where it was this run’s own, ordered without an answer', async () => {
    const place: Place = new Place({
      order: () => failure(status.DEADLINE_EXCEEDED),
      endorse: (attempt) => {
        if (attempt === 3) place.reach(0);
        return attempt === 1 ? 'ok' : refused('hospital-b', 'order');
      },
    });
    expect(await takePart(place.run, [pieceOf(0)])).toBe(false);
  });

  it.each<[string, ImportCode]>([
    ['hospital-a', 'not-expected'],
    ['hospital-b', 'outcome'],
    ['hospital-a', 'chain'],
  ])('is refused at once where waiting changes nothing: %s says %s', async (mspId, code) => {
    const place = new Place({ endorse: () => refused(mspId, code) });
    await expect(takePart(place.run, [pieceOf(0)])).rejects.toMatchObject({ code: 'import-refused' });
    await expect(takePart(place.run, [pieceOf(0)])).rejects.toThrow(`${mspId} refuses at block 0: ${code}`);
    expect(place.attempts).toBe(2);
  });

  it('is refused for the lasting reason where a passing one stands beside it', async () => {
    const [passing, lasting] = [refused('hospital-b', 'order'), refused('hospital-a', 'not-expected')];
    const place = new Place({
      endorse: () => failure(status.ABORTED, [...passing.details, ...lasting.details]),
    });
    await expect(takePart(place.run, [pieceOf(0)])).rejects.toThrow('hospital-a refuses at block 0: not-expected');
  });

  it('is refused where the peers call it invalid, or the own follower raises an alarm', async () => {
    const invalid = new Place({ code: ENDORSEMENT_POLICY_FAILURE });
    await expect(takePart(invalid.run, [pieceOf(0)])).rejects.toThrow('the transaction invalid');
    const alarming = new Place({ alarm: 'not every member endorsed' });
    await expect(takePart(alarming.run, [pieceOf(0)])).rejects.toThrow('not every member endorsed');
  });
});
