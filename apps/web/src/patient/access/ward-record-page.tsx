import '../record/record.css';
import { Box, Button, Card, Group, Stack, Text } from '@mantine/core';
import { useQueries } from '@tanstack/react-query';
import { Fragment, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { factsOf } from '../../fhir/facts.ts';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';
import { usePatient } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { keyOf, newestFirst, type RecordEntry } from '../record/record-entry.ts';
import { isEvent } from '../record/timeline.ts';
import { openNew } from '../record/use-record.ts';
import { useActing } from './acting.ts';

const PAGE = 50;

/** What is written about the ward, opened on the guardian's device and kept nowhere on it: the power to read it ends. */
export function WardRecordPage() {
  const { t } = useTranslation('access');
  const { entries: places, ward } = useActing();
  const patient = usePatient();
  const results = useQueries({
    queries: (ward === null ? [] : places).map((place) => ({
      queryKey: ['record', 'ward', place.pid],
      queryFn: () => openNew(patient, place, []),
      structuralSharing: false as const,
      gcTime: 0,
    })),
  });
  const failed = results.find(({ error }) => error !== null);
  const entries = results.flatMap(({ data = [] }) => data);
  const isOpening = results.some(({ isPending }) => isPending);
  return (
    <Page title={t('ward.title')} lead={t('ward.lead')}>
      {ward === null ? <Empty text={t('ward.choose')} /> : null}
      {isOpening ? <Loading what={t('ward.opening')} /> : null}
      {failed === undefined ? null : <Failure error={failed.error} onRetry={() => void failed.refetch()} />}
      {ward === null || isOpening || failed !== undefined ? null : <Entries entries={entries} />}
    </Page>
  );
}

function Entries({ entries }: { readonly entries: readonly RecordEntry[] }) {
  const { t } = useTranslation('access');
  const [shown, setShown] = useState(PAGE);
  const events = useMemo(() => newestFirst(entries.filter(isEvent)), [entries]);
  if (events.length === 0) return <Empty text={t('ward.none')} />;
  return (
    <Stack gap="sm">
      <Text size="sm" role="status">
        {t('documents', { count: events.length })}
      </Text>
      {events.slice(0, shown).map((entry) => (
        <Entry key={keyOf(entry)} entry={entry} />
      ))}
      {shown >= events.length ? null : (
        <Group>
          <Button variant="default" onClick={() => setShown(shown + PAGE)}>
            {t('ward.more')}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Entry({ entry: { resource, organisation, lastUpdatedMs } }: { readonly entry: RecordEntry }) {
  const words = useFhirWords();
  const { place, moment } = useTerms();
  const when = words.when(resource);
  const about = [words.kind(resource), when === '' ? moment(lastUpdatedMs) : when, place(organisation)];
  return (
    <Card component="details" withBorder padding="sm">
      <summary>
        <bdi>{words.title(resource)}</bdi> <bdi>{words.value(resource)}</bdi>
        <Text component="span" size="sm" display="block">
          {about.join(' · ')}
        </Text>
      </summary>
      <Box component="dl" className="facts" mt="sm">
        {factsOf(resource, words).map(({ label, text }) => (
          <Fragment key={label}>
            <dt>{words.element(label)}</dt>
            <dd>
              <bdi>{text}</bdi>
            </dd>
          </Fragment>
        ))}
      </Box>
    </Card>
  );
}
