import type { FhirTree } from '@salus/fhir/parse';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useSession, useStaff } from '../../session/index.ts';
import { chartKey } from '../chart/use-chart.ts';
import { createResource, listVisits } from '../clinic-api.ts';
import { dayOf } from '../day.ts';
import type { Writing } from './written-by.ts';

/** Writes a resource of the patient in the person's name, and shows the chart anew. */
export function useWriting(patient: string) {
  const staff = useStaff();
  const { nowMs } = useSession();
  const client = useQueryClient();
  const practitioner = usePractitioner();
  return useMutation({
    mutationFn: async (make: (writing: Writing) => FhirTree) => {
      await staff.delegate();
      return createResource(staff.session, make({ patient, practitioner, nowMs: nowMs() }));
    },
    onSuccess: () => client.invalidateQueries({ queryKey: chartKey(staff.id, patient) }),
  });
}

/** Which Practitioner of the organisation the person is, if somebody has said so. */
function usePractitioner(): string | undefined {
  const staff = useStaff();
  const { nowMs } = useSession();
  const day = dayOf(nowMs());
  const visits = useQuery({
    queryKey: ['record', 'visits', staff.id, day.fromMs],
    queryFn: () => listVisits(staff.session, day),
  });
  return visits.data?.practitioners[0];
}
