import type { AuditEvent, GivenLine, NodeSession } from '@salus/client';
import { useQuery } from '@tanstack/react-query';
import { usePatient } from '../../session/index.ts';
import { useActing } from './acting.ts';
import { type Person, peopleIn } from './people.ts';

/** How far back somebody is looked for who can be shut out by a tick. */
const LINES = 200;

/** Who acted on the patient's records lately, at any place. */
export function usePeople(): readonly Person[] {
  const patient = usePatient();
  const { entries } = useActing();
  const { data = [] } = useQuery({
    queryKey: ['access', 'people', entries.map(({ pid }) => pid)],
    queryFn: async () => {
      const perPid = await Promise.all(entries.map(async ({ pid }) => readEvents(await patient.at(pid))));
      return peopleIn(perPid.flat());
    },
  });
  return data;
}

async function readEvents({ api, organisation, token }: NodeSession): Promise<readonly AuditEvent[]> {
  const { lines } = await api.send<{ readonly lines: readonly GivenLine[] }>({
    method: 'GET',
    path: `/api/v1/orgs/${organisation}/patient/audit`,
    query: { limit: LINES },
    token,
  });
  return lines.map(({ text }) => JSON.parse(text) as AuditEvent);
}
