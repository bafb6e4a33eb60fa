import { Alert, Button, Group, Stack, Title } from '@mantine/core';
import { useEffect, useEffectEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { DateText } from '../../ui/date-text.tsx';
import { Page } from '../../ui/page.tsx';
import { entriesOf } from '../chart/chart-entry.ts';
import { EntryList } from '../chart/entry-list.tsx';
import type { OpenedEmergency } from './use-emergency.ts';
import { whenOver } from './when-over.ts';

/** What helps first stands first. */
const SECTIONS = [
  { key: 'allergies', types: ['AllergyIntolerance'] },
  { key: 'medication', types: ['MedicationRequest', 'MedicationStatement'] },
  { key: 'problems', types: ['Condition'] },
] as const;
const FIRST: readonly string[] = SECTIONS.flatMap(({ types }) => types);

/** What the emergency opened; it stands in this tab's memory alone, and no longer than the emergency lasts. */
export function EmergencyRecords({
  opened: { entries, untilMs },
  onClose,
}: {
  readonly opened: OpenedEmergency;
  readonly onClose: () => void;
}) {
  const { t } = useTranslation(['urgent', 'clinician']);
  const close = useEffectEvent(onClose);
  useEffect(() => whenOver(untilMs, () => close()), [untilMs]);
  const rest = [...new Set(entries.map(({ type }) => type))].filter((type) => !FIRST.includes(type));
  return (
    <Page title={t('emergency.openTitle')}>
      <Alert color="red.9" variant="outline" title={t('emergency.told')}>
        {t('emergency.until')} <DateText value={untilMs} withTime />
      </Alert>
      <Group>
        <Button variant="default" onClick={onClose}>
          {t('emergency.close')}
        </Button>
      </Group>
      {SECTIONS.map(({ key, types }) => (
        <Stack key={key} component="section" aria-labelledby={`emergency-${key}`} gap="xs">
          <Title order={2} size="h3" id={`emergency-${key}`}>
            {t(`clinician:overview.${key}`)}
          </Title>
          <EntryList
            entries={entriesOf(entries, ...types)}
            empty={t(`clinician:overview.no.${key}`)}
            withProof={false}
          />
        </Stack>
      ))}
      <Stack component="section" aria-labelledby="emergency-rest" gap="xs">
        <Title order={2} size="h3" id="emergency-rest">
          {t('emergency.rest')}
        </Title>
        <EntryList entries={entriesOf(entries, ...rest)} empty={t('clinician:all.none')} withProof={false} />
      </Stack>
    </Page>
  );
}
