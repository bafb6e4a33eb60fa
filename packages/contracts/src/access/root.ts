import { PROOF_MAX, parseFields, parseHash, parseInteger, parseList, parseOneOf } from '../args.ts';
import { demand } from '../errors.ts';
import { defineTransaction } from '../transaction.ts';
import { callerOrganisation } from './caller.ts';

/** `audit`: events of reading. `rows`: stored rows and wraps that no record leaf covers. */
export type LogName = 'audit' | 'rows';
export const LOG_NAMES: readonly LogName[] = ['audit', 'rows'];

/** access/root/<organisation>/<log>; `call` is the call that wrote it. */
export type LogRootFact = { readonly size: number; readonly root: string; readonly call: string };

export const logRootKey = (organisation: string, log: LogName): string => `access/root/${organisation}/${log}`;

type LogRoot = {
  readonly log: LogName;
  readonly size: number;
  readonly root: string;
  readonly proof: readonly string[];
};

export const root = defineTransaction<LogRoot>({
  contract: 'access',
  name: 'root',
  summary:
    'Roots the organisation’s log on the ledger: from here on, no event up to `size` can be changed or removed unseen.',
  signers: ['id'],
  memberKinds: ['node'],
  checks: [
    'The size is not smaller than the last one; the same size has the same root.',
    'The consistency proof (RFC 9162 §2.1.4) leads from the last root to this one; it is empty for the first root and for the same size.',
  ],
  writes: ['access/root/<organisation>/<log>'],
  errors: ['size-backwards', 'root-mismatch', 'proof-invalid', 'args-invalid'],
  parse: (args) => {
    const fields = parseFields(args, 'args', ['log', 'size', 'root', 'proof']);
    return {
      log: parseOneOf(fields.log, 'log', LOG_NAMES),
      size: parseInteger(fields.size, 'size', { min: 1 }),
      root: parseHash(fields.root, 'root'),
      proof: parseList(fields.proof, 'proof', { max: PROOF_MAX }, parseHash),
    };
  },
  run: async (context, { log, size, root: hash, proof }) => {
    const key = logRootKey(callerOrganisation(context), log);
    const last = await context.get<LogRootFact>(key);
    if (last === undefined || last.size === size) {
      demand(last === undefined || last.root === hash, 'root-mismatch');
      demand(proof.length === 0, 'proof-invalid');
    } else {
      demand(size > last.size, 'size-backwards');
      const growth = { size1: last.size, root1: last.root, size2: size, root2: hash, proof };
      demand(context.pure.verifyConsistency(growth), 'proof-invalid');
    }
    const fact: LogRootFact = { size, root: hash, call: context.txId };
    context.put(key, fact);
    return { log, size };
  },
});
