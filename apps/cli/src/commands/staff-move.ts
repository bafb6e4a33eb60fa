import { submitCall } from '@salus/client';
import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import { staffCall } from '@salus/wallet';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, walletOption } from '../options.ts';
import type { Act } from '../program.ts';

interface StaffOptions {
  readonly wallet?: string;
  readonly account?: string;
}

/** `salus staff move`: the members decide that their ledger goes on as a channel of Hyperledger Fabric. */
export function addMove(staff: Command, act: Act): void {
  const command = staff
    .command('move')
    .argument('<channel>', 'the channel’s name in the new network’s consortium.yaml')
    .description(
      'As administrator: propose that this ledger ends and goes on as a channel of Hyperledger Fabric, with your vote for it. The deciding vote is the last thing that the ledger does: everything after it is refused until `salus network migrate` has taken it over.',
    )
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  act<StaffOptions>(
    command,
    'salus staff move salus --as hospital-a.admin',
    async (context, options, [channel = '']) => {
      const decided = await asStaff(context, options, async ({ session, wallet, occasion }) => {
        if (!wallet.roles.includes(ADMINISTRATOR_ROLE)) {
          throw new CliError('not-permitted', 'This is for administrators.', {
            exit: EXIT.denied,
            next: 'Use the wallet of an administrator: --as WALLET.',
          });
        }
        const content = { contract: 'membership', transaction: 'proposeMove', args: { channel } };
        const { result } = await submitCall(
          session.api,
          session.organisation,
          await staffCall(wallet, occasion, content),
        );
        return result as { readonly proposal: string; readonly status: 'open' | 'applied' };
      });
      const { proposal, status } = decided;
      const text =
        status === 'applied'
          ? 'Decided: the ledger has ended. End the node, then take it over with `salus network migrate`.'
          : `Your vote is on the ledger. The others vote with: salus staff vote ${proposal}`;
      context.terminal.result(text, { ...decided, channel });
      return EXIT.ok;
    },
  );
}
