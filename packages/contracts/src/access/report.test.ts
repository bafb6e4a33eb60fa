import { expect, it } from 'vitest';
import { testHash, testId } from '../../test/keys.ts';
import { createNetwork, type Member } from '../../test/network.ts';

const reporting = (by: Member, label = 'one') =>
  ({ transaction: 'access.report', args: { report: testId(label), commitment: testHash(label) }, by }) as const;

it('holds an organisation to a report once, by its node, and tells neither person nor time', async () => {
  const network = await createNetwork();
  const { node, clinician, administrator, feed } = network.organisation('hospital-a');
  await network.commit(reporting(node));
  const key = `access/report/hospital-a/${testId('one')}`;
  expect(network.state.get(key)).toEqual({ commitment: testHash('one') });
  await network.refuse(reporting(node), 'report-exists');
  for (const by of [clinician, administrator, feed])
    await network.refuse(reporting(by, 'two'), 'member-kind-not-allowed');
  await network.commit(reporting(network.organisation('hospital-b').node));
});
