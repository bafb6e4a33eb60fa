import { Card, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { Part } from './card-groups.tsx';
import { type RecordEntry, timeOf } from './record-entry.ts';
import { RecordState } from './record-state.tsx';
import { type ResultSeries, resultSeriesOf } from './results.ts';

/** Shown before one searches: those measured last. */
const CARDS_MAX = 60;

export function Component() {
  const { t } = useTranslation('record');
  return (
    <Page title={t('views.results')} lead={t('results.lead')}>
      <RecordState>{(entries) => <Results entries={entries} />}</RecordState>
    </Page>
  );
}

function Results({ entries }: { readonly entries: readonly RecordEntry[] }) {
  const { t } = useTranslation('record');
  const { category } = useTerms();
  const [words, setWords] = useState('');
  const series = useMemo(() => resultSeriesOf(entries), [entries]);
  if (series.length === 0) return <Empty text={t('none.results')} />;
  const wanted = words.trim().toLowerCase();
  const found = series.filter(({ title = '' }) => title.toLowerCase().includes(wanted)).slice(0, CARDS_MAX);
  const groups = [...new Set(found.map((one) => one.category))];
  return (
    <Stack gap="lg">
      <TextInput
        type="search"
        label={t('results.search')}
        value={words}
        onChange={({ currentTarget }) => setWords(currentTarget.value)}
        maw="24rem"
      />
      {found.length === 0 ? <Empty text={t('none.found')} /> : null}
      {groups.map((group) => (
        <ResultGroup key={group} title={category(group)} series={found.filter((one) => one.category === group)} />
      ))}
    </Stack>
  );
}

function ResultGroup({ title, series }: { readonly title: string; readonly series: readonly ResultSeries[] }) {
  return (
    <Part title={title}>
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {series.map((one) => (
          <ResultCard key={one.key} series={one} />
        ))}
      </SimpleGrid>
    </Part>
  );
}

function ResultCard({ series }: { readonly series: ResultSeries }) {
  const { t } = useTranslation('record');
  const words = useFhirWords();
  const { date } = useTerms();
  const newest = series.entries[0]!;
  return (
    <Card withBorder padding="md">
      <Title order={3} size="h5">
        <Link to={`/patient/record/results/${newest.recordId}`}>{series.title ?? words.title(newest.resource)}</Link>
      </Title>
      <Text size="xl" fw={700}>
        <bdi>{words.value(newest.resource)}</bdi>
      </Text>
      <Text size="sm" c="dimmed">
        {`${date(timeOf(newest))} · ${t('results.measured', { count: series.entries.length })}`}
      </Text>
    </Card>
  );
}
