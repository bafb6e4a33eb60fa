import { Stack } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { WithChart } from '../chart/with-chart.tsx';
import { OneOf } from '../one-of.tsx';
import { NoteForm } from './note-form.tsx';
import { OrderForm } from './order-form.tsx';
import { PrescriptionForm } from './prescription-form.tsx';
import { ResultForm } from './result-form.tsx';

const KINDS = ['note', 'order', 'result', 'prescription'] as const;
type Kind = (typeof KINDS)[number];

export function WritePage() {
  const { t } = useTranslation('clinician');
  const [kind, setKind] = useState<Kind>('note');
  return (
    <WithChart>
      {(entries, patient) => (
        <Stack maw={640}>
          <OneOf
            label={t('write.kind')}
            choices={KINDS.map((value) => ({ value, label: t(`write.kinds.${value}`) }))}
            value={kind}
            onChange={setKind}
          />
          {kind === 'note' ? <NoteForm patient={patient} /> : null}
          {kind === 'order' ? <OrderForm patient={patient} entries={entries} /> : null}
          {kind === 'result' ? <ResultForm patient={patient} /> : null}
          {kind === 'prescription' ? <PrescriptionForm patient={patient} entries={entries} /> : null}
        </Stack>
      )}
    </WithChart>
  );
}
