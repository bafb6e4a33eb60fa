import { useQuery } from '@tanstack/react-query';
import { usePatient } from '../../session/index.ts';
import { type Place, useActing } from './acting.ts';
import { listGuardians } from './guardians.ts';
import type { KeyOf } from './log-words.ts';

/** A guardian acts under the patient’s pid, with a key of their own: what they did is never shown as the patient’s. */
export function useKeyOf({ pid }: Place): KeyOf {
  const patient = usePatient();
  const { ward } = useActing();
  const own = patient.wallet.content.wards?.find((known) => known.pid === pid)?.kid;
  const { data } = useQuery({
    queryKey: ['guardian', patient.pids.map((known) => known.pid)],
    queryFn: () => listGuardians(patient),
    enabled: ward === null,
  });
  const guardians = new Set(data?.flatMap((held) => held.guardians.map(({ kid }) => kid)));
  if (ward !== null) return (kid) => (kid === own ? 'you' : 'patient');
  return (kid) => (guardians.has(kid) ? 'guardian' : 'you');
}
