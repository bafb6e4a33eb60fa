import { parseFields, parseHash, parseId } from '../args.ts';
import { demand } from '../errors.ts';
import { defineTransaction } from '../transaction.ts';
import { callerOrganisation } from './caller.ts';

/**
 * access/report/<organisation>/<report>: a report of an error or a near miss, or a note on one, as a salted commitment. Neither
 * person nor time stands in it: the reporter is to be found by nobody.
 */
export type ReportFact = { readonly commitment: string };

export const reportKey = (organisation: string, report: string): string => `access/report/${organisation}/${report}`;

export const report = defineTransaction<{ readonly report: string; readonly commitment: string }>({
  contract: 'access',
  name: 'report',
  summary:
    'Holds an organisation to a report of a clinical error or near miss: from here on it can be neither changed nor denied. The node signs, for whoever reported is not to be told.',
  signers: ['id'],
  memberKinds: ['node'],
  checks: ['The report id is new for the organisation: `report-exists`.'],
  writes: ['access/report/<organisation>/<report> {commitment}'],
  errors: ['report-exists', 'args-invalid'],
  parse: (value) => {
    const fields = parseFields(value, 'args', ['report', 'commitment']);
    return {
      report: parseId(fields.report, 'args.report'),
      commitment: parseHash(fields.commitment, 'args.commitment'),
    };
  },
  run: async (context, args) => {
    const key = reportKey(callerOrganisation(context), args.report);
    demand((await context.get(key)) === undefined, 'report-exists');
    context.put(key, { commitment: args.commitment } satisfies ReportFact);
    return { report: args.report };
  },
});
