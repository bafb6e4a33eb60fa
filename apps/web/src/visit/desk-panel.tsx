import { Button, Group, NativeSelect, Text, TextInput } from '@mantine/core';
import { startOf } from '@salus/fhir/visit';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession, useStaff } from '../session/index.ts';
import { Failure } from '../ui/failure.tsx';
import { localInput, localMs } from './local-time.ts';
import { Panel } from './panel.tsx';
import { ReasonForm } from './reason-form.tsx';
import type { Acting } from './use-visits.ts';
import { listClinicians, type VisitView } from './visit-api.ts';

const MINUTES = [10, 15, 20, 30, 45, 60];
const USUAL_MINUTES = 20;

/** The desk books what the patient wished: time and reason are there already. */
export function DeskPanel({ view, acting }: { readonly view: VisitView; readonly acting: Acting }) {
  const { t } = useTranslation('visit');
  const { nowMs } = useSession();
  const { session, organisation } = useStaff();
  const task = view.course.get('appointment.1');
  const { data, error } = useQuery({
    queryKey: ['clinicians', organisation],
    queryFn: () => listClinicians(session),
  });
  const [practitioner, setPractitioner] = useState<string>();
  const wished = startOf(task?.parts.appointment);
  const [start, setStart] = useState(() => localInput(wished === undefined ? nowMs() : Date.parse(wished)));
  const [minutes, setMinutes] = useState(USUAL_MINUTES);
  if (task?.status !== 'requested') return null;
  const chosen = practitioner ?? data?.[0]?.practitioner;
  const book = (): void => {
    void acting.act('booking', { practitioner: chosen, startMs: localMs(start), minutes });
  };
  return (
    <Panel title={t('desk.title')}>
      {error === null ? null : <Failure error={error} />}
      {data?.length === 0 ? <Text>{t('desk.noClinician')}</Text> : null}
      <NativeSelect
        label={t('desk.clinician')}
        value={chosen ?? ''}
        onChange={(event) => setPractitioner(event.currentTarget.value)}
        data={(data ?? []).map(({ practitioner: value, name }) => ({ value, label: name }))}
      />
      <TextInput
        type="datetime-local"
        label={t('desk.start')}
        value={start}
        onChange={(event) => setStart(event.currentTarget.value)}
      />
      <NativeSelect
        label={t('desk.minutes')}
        value={String(minutes)}
        onChange={(event) => setMinutes(Number(event.currentTarget.value))}
        data={MINUTES.map(String)}
      />
      <Group>
        <Button onClick={book} loading={acting.busy} disabled={chosen === undefined || Number.isNaN(localMs(start))}>
          {t('desk.book')}
        </Button>
      </Group>
      <ReasonForm
        label={t('desk.declineReason')}
        button={t('desk.decline')}
        missing={t('desk.declineMissing')}
        busy={acting.busy}
        onSend={(reason) => void acting.act('refusal', { reason })}
      />
    </Panel>
  );
}
