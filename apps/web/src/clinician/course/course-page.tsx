import { List, Select, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { titleOf } from '../../fhir/title.ts';
import type { TrendLine } from '../../fhir/trend-lines.ts';
import { useSession } from '../../session/index.ts';
import { DateText } from '../../ui/date-text.tsx';
import { Empty } from '../../ui/empty.tsx';
import { useTerms } from '../../ui/terms.ts';
import type { ChartEntry } from '../chart/chart-entry.ts';
import { detailOf } from '../chart/detail.ts';
import { seriesOf } from '../chart/series.ts';
import { WithChart } from '../chart/with-chart.tsx';
import { type CourseLane, lanesOf, timeSpanOf } from './course.ts';
import { CourseChart } from './course-chart.tsx';

/** Lanes in one drawing: those with something newest. */
const LANES_MAX = 6;

/** The course of a therapy: what was planned, given and measured, on one axis. */
export function CoursePage() {
  return <WithChart>{(entries) => <Course entries={entries} />}</WithChart>;
}

interface Measure {
  readonly value: string;
  readonly label: string;
  readonly line: TrendLine;
}

function Course({ entries }: { readonly entries: readonly ChartEntry[] }) {
  const { t } = useTranslation('clinician');
  const { nowMs } = useSession();
  const lanes = lanesOf(entries).slice(0, LANES_MAX);
  const measures = measuresOf(entries);
  const [chosen, setChosen] = useState<string | null>(null);
  const measure = measures.find(({ value }) => value === chosen) ?? measures[0];
  const span = timeSpanOf(lanes, measure?.line.points ?? [], nowMs());
  if (span === undefined) return <Empty text={t('course.none')} />;
  return (
    <Stack>
      <Text>{t('course.lead')}</Text>
      {measures.length === 0 ? null : (
        <Select
          label={t('course.measure')}
          data={measures.map(({ value, label }) => ({ value, label }))}
          value={measure?.value ?? null}
          onChange={setChosen}
          allowDeselect={false}
          maw={480}
        />
      )}
      <CourseChart lanes={lanes} line={measure?.line} span={span} nowMs={nowMs()} />
      <Text size="sm">{t('course.legend')}</Text>
      <Stack component="section" aria-labelledby="course-words" gap="sm">
        <Title order={2} size="h3" id="course-words">
          {t('course.inWords')}
        </Title>
        {lanes.map((lane) => (
          <LaneWords key={lane.key} lane={lane} />
        ))}
        {measure === undefined ? null : <MeasureWords measure={measure} />}
      </Stack>
    </Stack>
  );
}

function measuresOf(entries: readonly ChartEntry[]): readonly Measure[] {
  return seriesOf(entries).flatMap(({ key, title, lines }) =>
    lines.map((line) => ({
      value: `${key} ${line.key}`,
      label: [title ?? key, line.name, line.unit === '' ? undefined : `(${line.unit})`].filter(Boolean).join(' '),
      line,
    })),
  );
}

function LaneWords({ lane: { title, planned, given } }: { readonly lane: CourseLane }) {
  const { t } = useTranslation('clinician');
  const terms = useTerms();
  return (
    <Stack gap={2}>
      <Title order={3} size="h5">
        {title ?? t('course.unnamed')}
      </Title>
      <List size="sm">
        {planned.map(({ entry, fromMs, untilMs }) => (
          <List.Item key={entry.key}>
            {t('course.planned')} <DateText value={fromMs} />
            {untilMs === undefined || untilMs === fromMs ? null : (
              <>
                {' – '}
                <DateText value={untilMs} />
              </>
            )}
            {` · ${terms.place(entry.organisation)}`}
            {detailOf(entry.resource) === undefined ? null : ` · ${detailOf(entry.resource)}`}
          </List.Item>
        ))}
        {given.map((entry) => (
          <List.Item key={entry.key}>
            {t(entry.type === 'MedicationDispense' ? 'course.dispensed' : 'course.given')}{' '}
            <DateText value={entry.atMs} />
            {` · ${terms.place(entry.organisation)} · ${titleOf(entry.resource) ?? ''}`}
          </List.Item>
        ))}
      </List>
    </Stack>
  );
}

function MeasureWords({ measure: { label, line } }: { readonly measure: Measure }) {
  const { t, i18n } = useTranslation('clinician');
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 3 });
  return (
    <Stack gap={2}>
      <Title order={3} size="h5">
        {t('course.measured', { what: label })}
      </Title>
      <List size="sm">
        {line.points.toReversed().map(({ atMs, value }) => (
          <List.Item key={`${atMs} ${value}`}>
            <DateText value={atMs} />: {number.format(value)} {line.unit}
          </List.Item>
        ))}
      </List>
    </Stack>
  );
}
