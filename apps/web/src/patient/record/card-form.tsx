import { Button, Card, Checkbox, Group, Select, Stack, Title } from '@mantine/core';
import { isCallRefused, submitGrant } from '@salus/client';
import { LABEL_CLASSES } from '@salus/fhir/parse';
import { type EmergencyCard, grantEntry, makeCard, withGrant, withoutGrant } from '@salus/wallet';
import { type FormEvent, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type PatientSession, usePatient } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useRecordsAt } from '../access/access-queries.ts';
import { NORMAL_LABEL } from '../access/opening.ts';
import { OpeningSummary } from '../access/opening-summary.tsx';
import type { RecordEntry } from './record-entry.ts';

const YEAR_MS = 365 * 86_400_000;
const YEARS = ['1', '2', '5'] as const;
/** What helps when somebody cannot speak. */
const VITAL = ['allergies', 'medication', 'problems', 'procedures', 'immunizations', 'devices'];

interface Choice {
  readonly organisation: string;
  readonly categories: readonly string[];
  readonly withSensitive: boolean;
  readonly years: number;
}

/** Chooses what a card opens and makes it: its key is drawn here, and only the card has it. */
export function CardForm({
  entries,
  onMade,
}: {
  readonly entries: readonly RecordEntry[];
  readonly onMade: (card: EmergencyCard) => void;
}) {
  const { t } = useTranslation('record');
  const { place, category } = useTerms();
  const patient = usePatient();
  const id = useId();
  const [choice, setChoice] = useState<Choice>({
    organisation: fullestOf(entries, patient),
    categories: VITAL,
    withSensitive: false,
    years: 1,
  });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const known = entries.filter(({ organisation }) => organisation === choice.organisation);
  const categories = [...new Set([...VITAL, ...known.map((entry) => entry.category)])];
  const entry = patient.pids.find(({ organisation }) => organisation === choice.organisation)!;
  const places = useRecordsAt([entry]);
  const isReady = places.every(({ records }) => records !== undefined);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    make(patient, choice)
      .then(onMade, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Card withBorder padding="md" component="form" onSubmit={submit} aria-labelledby={id}>
      <Stack gap="md" align="flex-start">
        <Title order={2} size="h3" id={id}>
          {t('card.new')}
        </Title>
        <Group align="flex-start" w="100%">
          <Select
            label={t('card.place')}
            data={patient.pids.map(({ organisation }) => ({ value: organisation, label: place(organisation) }))}
            value={choice.organisation}
            onChange={(organisation) => setChoice({ ...choice, organisation: organisation ?? choice.organisation })}
            allowDeselect={false}
            flex="1 1 12rem"
          />
          <Select
            label={t('card.years')}
            data={YEARS.map((value) => ({ value, label: t('card.year', { count: Number(value) }) }))}
            value={String(choice.years)}
            onChange={(years) => setChoice({ ...choice, years: Number(years ?? choice.years) })}
            allowDeselect={false}
            flex="1 1 12rem"
          />
        </Group>
        <Checkbox.Group
          label={t('card.what')}
          error={choice.categories.length === 0 ? t('card.choose') : undefined}
          value={[...choice.categories]}
          onChange={(chosen) => setChoice({ ...choice, categories: chosen })}
        >
          <Group mt="xs">
            {categories.map((code) => (
              <Checkbox key={code} value={code} label={category(code)} />
            ))}
          </Group>
        </Checkbox.Group>
        <Checkbox
          label={t('card.sensitive')}
          checked={choice.withSensitive}
          onChange={({ currentTarget }) => setChoice({ ...choice, withSensitive: currentTarget.checked })}
        />
        <OpeningSummary plans={[{ entry, choice: reachOf(choice) }]} places={places} />
        {error === undefined ? null : <Failure error={error} />}
        <Button type="submit" loading={busy} disabled={!isReady || choice.categories.length === 0}>
          {t('card.make')}
        </Button>
      </Stack>
    </Card>
  );
}

/** Where most of what helps in an emergency was written. */
function fullestOf(entries: readonly RecordEntry[], { pids }: PatientSession): string {
  const count = (organisation: string): number =>
    entries.filter((entry) => entry.organisation === organisation && VITAL.includes(entry.category)).length;
  const [fullest] = pids.map(({ organisation }) => organisation).sort((left, right) => count(right) - count(left));
  return fullest!;
}

function reachOf({ categories, withSensitive }: Choice) {
  return { categories, labelClasses: withSensitive ? LABEL_CLASSES : [NORMAL_LABEL] };
}

async function make(patient: PatientSession, choice: Choice): Promise<EmergencyCard> {
  const { organisation, years } = choice;
  const { pid } = patient.pids.find((entry) => entry.organisation === organisation)!;
  const occasion = patient.occasion();
  const session = await patient.at(pid);
  const prepared = await makeCard(patient.wallet, occasion, {
    pid,
    ...reachOf(choice),
    notBeforeMs: occasion.nowMs,
    notAfterMs: occasion.nowMs + years * YEAR_MS,
  });
  const { grant } = prepared.card;
  const entry = grantEntry(prepared.wallet.content, grant);
  await patient.seal((kept) => ({ ...kept, content: withGrant(kept.content, entry) }));
  try {
    await submitGrant(session, prepared);
  } catch (error) {
    if (isCallRefused(error)) {
      await patient.seal((kept) => ({ ...kept, content: withoutGrant(kept.content, grant) }));
    }
    throw error;
  }
  await patient.backUp();
  return prepared.card;
}
