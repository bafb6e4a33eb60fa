import { demandNeverMoved } from '../access/move.ts';
import { parseFields, parseText } from '../args.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { propose } from './proposal.ts';

/** As Fabric names channels: core/peer and common/configtx demand the same. */
const CHANNEL = /^[a-z][a-z0-9.-]{0,248}$/;

export const proposeMove: AnyTransaction = defineTransaction<{ readonly channel: string }>({
  contract: 'membership',
  name: 'proposeMove',
  summary:
    'Proposes that this ledger ends and goes on as the named channel of Hyperledger Fabric. The deciding vote is its last transaction: everything after it is refused.',
  signers: ['id'],
  memberKinds: ['staff'],
  roles: ['administrator'],
  checks: ['The ledger is on no channel yet, and was not moved before: from a channel nothing could take it over.'],
  writes: ['membership/proposal/<call>', 'membership/vote/<call>/<organisation>', 'access/move, when decided'],
  errors: ['already-migrated', 'args-invalid'],
  parse: (args) => {
    const { channel } = parseFields(args, 'args', ['channel']);
    return { channel: parseText(channel, 'channel', CHANNEL, 'the name of a channel') };
  },
  run: async (context, { channel }) => {
    await demandNeverMoved(context);
    return propose(context, { kind: 'move', channel });
  },
});
