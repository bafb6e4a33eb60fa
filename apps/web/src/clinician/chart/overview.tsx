import { Stack, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { isOver } from '../../fhir/status.ts';
import { type ChartEntry, entriesOf } from './chart-entry.ts';
import { EntryList } from './entry-list.tsx';
import { WithChart } from './with-chart.tsx';

const SECTIONS = [
  { key: 'allergies', types: ['AllergyIntolerance'] },
  { key: 'problems', types: ['Condition'] },
  { key: 'medication', types: ['MedicationRequest', 'MedicationStatement'] },
  { key: 'waiting', types: ['ServiceRequest', 'Appointment'] },
] as const;

/** What holds now: allergies first, problems, medication, and what is still to come. */
export function Overview() {
  const { t } = useTranslation('clinician');
  return (
    <WithChart>
      {(entries) => (
        <Stack gap="xl">
          {SECTIONS.map(({ key, types }) => (
            <Stack key={key} component="section" aria-labelledby={`overview-${key}`} gap="xs">
              <Title order={2} size="h3" id={`overview-${key}`}>
                {t(`overview.${key}`)}
              </Title>
              <EntryList entries={current(entriesOf(entries, ...types))} empty={t(`overview.no.${key}`)} />
            </Stack>
          ))}
        </Stack>
      )}
    </WithChart>
  );
}

/** What still holds stands first; what is over stays visible behind it. */
function current(entries: readonly ChartEntry[]): readonly ChartEntry[] {
  return entries.toSorted((left, right) => Number(isOver(left.resource)) - Number(isOver(right.resource)));
}
