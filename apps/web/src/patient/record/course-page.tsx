import { Stack, Table, Title } from '@mantine/core';
import { listOf } from '@salus/fhir/parse';
import { useId, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { rangeText } from '../../fhir/quantity.ts';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { TrendChart } from '../../ui/trend-chart.tsx';
import { keyOf, type RecordEntry, timeOf } from './record-entry.ts';
import { RecordState } from './record-state.tsx';
import { type ResultSeries, resultSeriesOf } from './results.ts';

/** The course of one measurement; the address names one of its entries, so that it says nothing about health. */
export function Component() {
  return <RecordState>{(entries) => <Found entries={entries} />}</RecordState>;
}

function Found({ entries }: { readonly entries: readonly RecordEntry[] }) {
  const { t } = useTranslation('record');
  const { series: recordId } = useParams();
  const found = useMemo(
    () => resultSeriesOf(entries).find((series) => series.entries.some((entry) => entry.recordId === recordId)),
    [entries, recordId],
  );
  return found === undefined ? <Empty text={t('entry.missing')} /> : <Course series={found} />;
}

function Course({ series }: { readonly series: ResultSeries }) {
  const { t } = useTranslation('record');
  const words = useFhirWords();
  const title = series.title ?? words.title(series.entries[0]!.resource);
  const units = [...new Set(series.lines.map(({ unit }) => unit))];
  return (
    <Page title={title}>
      <Link to="/patient/record/results">{t('entry.back')}</Link>
      {units.map((unit) => (
        <Chart key={unit} series={series} unit={unit} title={title} />
      ))}
      <Values series={series} />
    </Page>
  );
}

/** One axis for each unit. */
function Chart({
  series,
  unit,
  title,
}: {
  readonly series: ResultSeries;
  readonly unit: string;
  readonly title: string;
}) {
  const { t, i18n } = useTranslation('record');
  const id = useId();
  const lines = series.lines
    .filter((line) => line.unit === unit)
    .map(({ key, name, points }) => ({ key, name: name ?? title, points }));
  return (
    <section aria-labelledby={id}>
      <Title order={2} size="h4" id={id}>
        {unit === '' ? t('results.chart') : `${t('results.chart')} (${unit})`}
      </Title>
      <TrendChart lines={lines} normal={series.normal} label={t('results.course', { title })} locale={i18n.language} />
    </section>
  );
}

function Values({ series }: { readonly series: ResultSeries }) {
  const { t } = useTranslation('record');
  const words = useFhirWords();
  const { place, moment } = useTerms();
  const id = useId();
  const ranges = series.entries.map(({ resource }) => rangeText(listOf(resource.referenceRange)[0], words.locale));
  const hasRanges = ranges.some((range) => range !== undefined);
  return (
    <section aria-labelledby={id}>
      <Title order={2} size="h4" id={id}>
        {t('results.table')}
      </Title>
      <Stack gap={0} className="wide-table" tabIndex={0} role="region" aria-labelledby={id}>
        <Table aria-labelledby={id}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t('results.date')}</Table.Th>
              <Table.Th scope="col">{t('results.value')}</Table.Th>
              {hasRanges ? <Table.Th scope="col">{t('results.normal')}</Table.Th> : null}
              <Table.Th scope="col">{t('results.place')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {series.entries.map((entry, at) => (
              <Table.Tr key={keyOf(entry)}>
                <Table.Td>
                  <Link to={`/patient/record/entry/${entry.recordId}`}>
                    {words.when(entry.resource) || moment(timeOf(entry))}
                  </Link>
                </Table.Td>
                <Table.Td>
                  <bdi>{words.value(entry.resource)}</bdi>
                </Table.Td>
                {hasRanges ? <Table.Td>{ranges[at] ?? ''}</Table.Td> : null}
                <Table.Td>{place(entry.organisation)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Stack>
    </section>
  );
}
