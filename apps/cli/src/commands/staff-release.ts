import { submitCall } from '@salus/client';
import { staffCall } from '@salus/wallet';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, walletOption } from '../options.ts';
import type { Act } from '../program.ts';

interface ReleaseOptions {
  readonly wallet?: string;
  readonly account?: string;
  readonly withdraw?: true;
}

/** `salus staff release`: an administrator says by signature which bundle browsers may run. */
export function addRelease(staff: Command, act: Act): void {
  const command = staff
    .command('release')
    .argument('<hash>', 'SHA-256 of the bundle’s manifest, 43 characters of base64url')
    .description(
      'As administrator: list a bundle of the web app on the ledger, so that installed apps take it. With --withdraw take it back for ever, such as one with a hole.',
    )
    .option('--withdraw', 'take the release back')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  const example = 'salus staff release 3q2-…7Yw --as hospital-a.admin';
  act<ReleaseOptions>(command, example, async (context, options, [hash = '']) => {
    const transaction = options.withdraw === true ? 'withdrawRelease' : 'listRelease';
    const { block } = await asStaff(context, options, async ({ session, wallet, occasion }) => {
      const content = { contract: 'membership', transaction, args: { name: 'web', hash } };
      return submitCall(session.api, session.organisation, await staffCall(wallet, occasion, content));
    });
    const said = options.withdraw === true ? 'withdrawn' : 'listed';
    context.terminal.result(`The release is ${said} (block ${block}).`, { hash, state: said, block });
    return EXIT.ok;
  });
}
