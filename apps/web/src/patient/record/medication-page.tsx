import { Card, Text, Title } from '@mantine/core';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { CardGroups } from './card-groups.tsx';
import { EntryList } from './entry-row.tsx';
import { type Medicine, medicinesOf } from './medication.ts';
import { newestFirst, type RecordEntry } from './record-entry.ts';
import { RecordState } from './record-state.tsx';

export function Component() {
  const { t } = useTranslation('record');
  return (
    <Page title={t('views.medication')} lead={t('medication.lead')}>
      <RecordState>{(entries) => <Medicines entries={entries} />}</RecordState>
    </Page>
  );
}

function Medicines({ entries }: { readonly entries: readonly RecordEntry[] }) {
  const { t } = useTranslation('record');
  const medicines = useMemo(() => medicinesOf(entries), [entries]);
  if (medicines.length === 0) return <Empty text={t('none.medication')} />;
  const cardsOf = (current: boolean) =>
    medicines
      .filter(({ isCurrent }) => isCurrent === current)
      .map((medicine) => <MedicineCard key={medicine.key} medicine={medicine} />);
  const current = { title: t('medication.current'), cards: cardsOf(true) };
  return <CardGroups groups={[current, { title: t('medication.past'), cards: cardsOf(false) }]} />;
}

function MedicineCard({ medicine }: { readonly medicine: Medicine }) {
  const { t } = useTranslation('record');
  const words = useFhirWords();
  const { title, dosage, prescribed, dispensed, given } = medicine;
  const all = newestFirst([...prescribed, ...dispensed, ...given]);
  const counts = [
    prescribed.length === 0 ? [] : t('medication.prescribed', { count: prescribed.length }),
    dispensed.length === 0 ? [] : t('medication.dispensed', { count: dispensed.length }),
    given.length === 0 ? [] : t('medication.given', { count: given.length }),
  ].flat();
  return (
    <Card withBorder padding="md">
      <Title order={3} size="h4">
        <bdi>{title ?? words.title(all[0]!.resource)}</bdi>
      </Title>
      <Text className="pre-line">{dosage ?? t('medication.noDosage')}</Text>
      <Text size="sm" c="dimmed">
        {counts.join(' · ')}
      </Text>
      <details>
        <summary>{t('medication.history')}</summary>
        <EntryList entries={all} />
      </details>
    </Card>
  );
}
