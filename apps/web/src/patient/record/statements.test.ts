import { describe, expect, it } from 'vitest';
import { entryOf } from '../../../test/record-entries.ts';
import type { PatientSession } from '../../session/index.ts';
import { communicationOf, statementsOn } from './statements.ts';

const entry = entryOf({ resourceType: 'Condition' });
const dispute = (recordId: string, status = 'open') => ({
  ...{ dispute: 'd', recordId, status, atMs: Date.UTC(2026, 0, 2), text: 'I never had this.', answer: null },
});

/** A patient known at two organisations, one of which has these statements. */
function patientWith(disputes: readonly object[]): { readonly patient: PatientSession; readonly asked: string[] } {
  const asked: string[] = [];
  const pids = ['hospital-a', 'hospital-b'].map((organisation) => ({ pid: `pid-${organisation}`, organisation }));
  const at = async (pid: string) => ({
    organisation: pid.replace('pid-', ''),
    token: 'token',
    api: {
      send: async ({ path }: { readonly path: string }) => {
        asked.push(path);
        return { disputes };
      },
    },
  });
  return { patient: { pids, at } as unknown as PatientSession, asked };
}

describe('what the patient stated', () => {
  it('goes along with the entry that it is about, asked only where entries come from', async () => {
    const { patient, asked } = patientWith([dispute(entry.recordId), dispute('another')]);
    const statements = await statementsOn(patient, [entry]);
    expect(statements).toMatchObject([{ entry, dispute: { text: 'I never had this.' } }]);
    expect(asked).toEqual(['/api/v1/orgs/hospital-a/patient/disputes']);
  });

  it('stays behind when it was taken back', async () => {
    const { patient } = patientWith([dispute(entry.recordId, 'withdrawn')]);
    expect(await statementsOn(patient, [entry])).toEqual([]);
  });

  it('is a message about the resource, the answer of its author beside it', () => {
    const answered = {
      ...dispute(entry.recordId),
      status: 'declined' as const,
      answer: { text: 'It stands.', atMs: 1 },
    };
    expect(communicationOf({ entry, dispute: answered }, 'https://node.example/Condition/1')).toMatchObject({
      resourceType: 'Communication',
      about: [{ reference: 'https://node.example/Condition/1' }],
      sent: '2026-01-02T00:00:00.000Z',
      payload: [{ contentString: 'I never had this.' }, { contentString: 'It stands.' }],
    });
  });
});
