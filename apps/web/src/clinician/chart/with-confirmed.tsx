import { useMemo, useState } from 'react';
import { Outlet } from 'react-router';
import { useStaff } from '../../session/index.ts';
import { ConfirmedContext } from './confirmed.ts';

/** Remembers whom the person has recognised, and forgets it when somebody else signs in. */
export function WithConfirmed() {
  const { organisation, id } = useStaff();
  return <Remembering key={`${organisation}/${id}`} />;
}

function Remembering() {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const value = useMemo(
    () => ({ ids, confirm: (fhirId: string) => setIds((before) => new Set([...before, fhirId])) }),
    [ids],
  );
  return (
    <ConfirmedContext value={value}>
      <Outlet />
    </ConfirmedContext>
  );
}
