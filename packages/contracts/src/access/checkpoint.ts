import { parseFields, parseHash, parseInteger } from '../args.ts';
import { demand } from '../errors.ts';
import { defineTransaction } from '../transaction.ts';
import { callerOrganisation } from './caller.ts';

/** access/checkpoint/<organisation>: the last block that the organisation says it has seen. */
export type CheckpointFact = { readonly number: number; readonly hash: string };

/** access/rollback/<call>: blocks `from` to `to` were lost; `hash` is that of block `to`, as the last known checkpoint had it. */
export type RollbackFact = {
  readonly organisation: string;
  readonly from: number;
  readonly to: number;
  readonly hash: string;
};

export const checkpointKey = (organisation: string): string => `access/checkpoint/${organisation}`;
export const rollbackKey = (callId: string): string => `access/rollback/${callId}`;

export const checkpoint = defineTransaction<CheckpointFact>({
  contract: 'access',
  name: 'checkpoint',
  summary: 'An organisation states on the ledger which block it has seen last.',
  signers: ['id'],
  memberKinds: ['node'],
  checks: ['The number is not smaller than the last one; the same number has the same hash.'],
  writes: ['access/checkpoint/<organisation>'],
  errors: ['checkpoint-backwards', 'checkpoint-mismatch', 'args-invalid'],
  parse: (args) => {
    const { number, hash } = parseFields(args, 'args', ['number', 'hash']);
    return { number: parseInteger(number, 'number'), hash: parseHash(hash, 'hash') };
  },
  run: async (context, { number, hash }) => {
    const key = checkpointKey(callerOrganisation(context));
    const last = await context.get<CheckpointFact>(key);
    demand(last === undefined || number >= last.number, 'checkpoint-backwards');
    demand(last === undefined || number !== last.number || hash === last.hash, 'checkpoint-mismatch');
    context.put(key, { number, hash });
    return { number };
  },
});

type Rollback = Omit<RollbackFact, 'organisation'>;

export const rollback = defineTransaction<Rollback>({
  contract: 'access',
  name: 'rollback',
  summary:
    'An administrator names the blocks that a restored ledger lost, so that everybody sees it; until then a node restored below a known checkpoint releases nothing.',
  signers: ['id'],
  memberKinds: ['staff'],
  roles: ['administrator'],
  checks: [
    'The range is not empty and starts after block 0.',
    'It starts after the last checkpoint that the organisation stated in the state that is left.',
  ],
  writes: ['access/rollback/<call>'],
  errors: ['rollback-range', 'args-invalid'],
  parse: (args) => {
    const { from, to, hash } = parseFields(args, 'args', ['from', 'to', 'hash']);
    return {
      from: parseInteger(from, 'from', { min: 1 }),
      to: parseInteger(to, 'to', { min: 1 }),
      hash: parseHash(hash, 'hash'),
    };
  },
  run: async (context, { from, to, hash }) => {
    const organisation = callerOrganisation(context);
    demand(from <= to, 'rollback-range');
    const last = await context.get<CheckpointFact>(checkpointKey(organisation));
    demand(last === undefined || last.number < from, 'rollback-range');
    const fact: RollbackFact = { organisation, from, to, hash };
    context.put(rollbackKey(context.txId), fact);
    context.emit('access.rollback', fact);
    return { from, to };
  },
});
