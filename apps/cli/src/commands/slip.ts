import { delegateToNode } from '@salus/client';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, id, integer, walletOption } from '../options.ts';
import type { Act } from '../program.ts';
import { table, when } from '../terminal.ts';

interface StaffOptions {
  readonly wallet?: string;
  readonly account?: string;
}

/** `salus slip` and `salus patients`: the registration desk. */
export function addDeskCommands(program: Command, act: Act): void {
  addSlip(program, act);
  addPatients(program, act);
}

function addSlip(program: Command, act: Act): void {
  const command = program
    .command('slip')
    .argument('<patient>', 'id of the Patient resource at your organisation')
    .description(
      'Print the slip with which a patient claims the pid. It is shown once; every earlier slip of the patient ends. Whoever holds it can claim: hand it over in person.',
    )
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  act<StaffOptions>(command, 'salus slip 4f0f… --as a.desk', async (context, options, [patient = '']) => {
    const slip = await asStaff(context, options, async (staff) => {
      await delegateToNode(staff);
      const { api, organisation, token } = staff.session;
      return api.send<{ readonly slip: string; readonly pid: string; readonly notAfterMs: number }>({
        method: 'POST',
        path: `/api/v1/orgs/${organisation}/patients/${encodeURIComponent(patient)}/slip`,
        token,
      });
    });
    const text = `${slip.slip}\n\nValid until ${when(slip.notAfterMs)}, for one claim: salus patient claim --as NAME`;
    context.terminal.result(text, slip);
    return EXIT.ok;
  });
}

function addPatients(program: Command, act: Act): void {
  const command = program
    .command('patients')
    .description('The patients of your organisation: pid and id of the Patient resource, nothing else.')
    .option('--after <pid>', 'go on after this pid', id)
    .option('--limit <count>', 'how many', integer(1, 500), 100)
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  interface Options extends StaffOptions {
    readonly after?: string;
    readonly limit: number;
  }
  act<Options>(command, 'salus patients --as a.desk', async (context, options) => {
    const { after, limit } = options;
    const found = await asStaff(context, options, ({ session: { api, organisation, token } }) =>
      api.send<{
        readonly patients: readonly { readonly pid: string; readonly fhirId: string; readonly registeredMs: number }[];
        readonly next: string | null;
      }>({ method: 'GET', path: `/api/v1/orgs/${organisation}/patients`, query: { after, limit }, token }),
    );
    const rows = found.patients.map(({ pid, fhirId, registeredMs }) => [pid, fhirId, when(registeredMs)]);
    const more = found.next === null ? '' : `\nThere are more: --after ${found.next}`;
    context.terminal.result(table(['pid', 'Patient', 'registered'], rows) + more, found);
    return EXIT.ok;
  });
}
