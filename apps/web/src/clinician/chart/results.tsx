import { Card, ScrollArea, Stack, Table, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { valuesOf } from '../../fhir/value.ts';
import { whenOf, whenText } from '../../fhir/when.ts';
import { Empty } from '../../ui/empty.tsx';
import { useTerms } from '../../ui/terms.ts';
import { TrendChart } from '../../ui/trend-chart.tsx';
import { entriesOf } from './chart-entry.ts';
import { EntryList } from './entry-list.tsx';
import { type Series, seriesOf } from './series.ts';
import { WithChart } from './with-chart.tsx';

/** Rows of one table; the newest. */
const ROWS_MAX = 20;

/** What was measured, each code with its trend and its values, whoever measured; then the reports. */
export function Results() {
  const { t } = useTranslation('clinician');
  return (
    <WithChart>
      {(entries) => {
        const series = seriesOf(entries);
        return (
          <Stack gap="lg">
            {series.length === 0 ? <Empty text={t('results.none')} /> : null}
            {series.map((one) => (
              <SeriesCard key={one.key} series={one} />
            ))}
            <Stack component="section" aria-labelledby="results-reports" gap="xs">
              <Title order={2} size="h3" id="results-reports">
                {t('results.reports')}
              </Title>
              <EntryList
                entries={entriesOf(entries, 'DiagnosticReport', 'ImagingStudy')}
                empty={t('results.noReports')}
              />
            </Stack>
          </Stack>
        );
      }}
    </WithChart>
  );
}

function SeriesCard({ series: { key, title, entries, lines } }: { readonly series: Series }) {
  const { t, i18n } = useTranslation('clinician');
  const terms = useTerms();
  const name = title ?? key;
  return (
    <Card withBorder padding="sm" component="section" aria-label={name}>
      <Stack gap="xs">
        <Title order={2} size="h4">
          {name}
        </Title>
        {lines.some(({ points }) => points.length > 1) ? (
          <TrendChart
            lines={lines.map((line) => ({ ...line, name: line.name ?? name }))}
            label={t('results.tableOf', { name })}
            locale={i18n.language}
          />
        ) : null}
        <ScrollArea type="auto" viewportProps={{ tabIndex: 0 }}>
          <Table aria-label={t('results.tableOf', { name })} className="chart-table">
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{t('results.when')}</Table.Th>
                <Table.Th scope="col">{t('results.value')}</Table.Th>
                <Table.Th scope="col">{t('results.where')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {entries.slice(0, ROWS_MAX).map(({ key: entryKey, resource, organisation }) => {
                const when = whenOf(resource);
                return (
                  <Table.Tr key={entryKey}>
                    <Table.Td>{when === undefined ? '–' : whenText(when, i18n.language)}</Table.Td>
                    <Table.Td>
                      {valuesOf(resource, i18n.language)
                        .map((value) => (value.name === undefined ? value.text : `${value.name}: ${value.text}`))
                        .join('; ') || '–'}
                    </Table.Td>
                    <Table.Td>{terms.place(organisation)}</Table.Td>
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </ScrollArea>
        {entries.length > ROWS_MAX ? <Text size="sm">{t('results.newest', { count: ROWS_MAX })}</Text> : null}
      </Stack>
    </Card>
  );
}
