import { Button, Card, Group, Stack, Text } from '@mantine/core';
import { useQueries } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
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
import { DocumentFacts } from './document-facts.tsx';

const PAGE = 50;

/** What is written about the ward, opened on the guardian's device and kept nowhere on it: the power to read it ends. */
export function WardRecordPage() {
  const { t } = useTranslation('access');
  const { t: ofGuardian } = useTranslation('guardians');
  const { readable, ward } = useActing();
  const { place } = useTerms();
  const patient = usePatient();
  const results = useQueries({
    queries: (ward === null ? [] : readable).map((at) => ({
      queryKey: ['record', 'ward', at.pid],
      queryFn: () => openNew(patient, at, []),
      structuralSharing: false as const,
      gcTime: 0,
    })),
  });
  const failed = results.flatMap(({ error, refetch }, at) => (error === null ? [] : [{ error, refetch, at }]));
  // What was open before a place refused is closed: the power to read it may have ended.
  const entries = results.flatMap(({ data = [], error }) => (error === null ? data : []));
  const isOpening = results.some(({ isPending }) => isPending);
  const isWhole = !isOpening && failed.length === 0;
  return (
    <Page title={t('ward.title')} lead={t('ward.lead')}>
      {ward === null ? <Empty text={t('ward.choose')} /> : null}
      {ward !== null && readable.length === 0 ? <Empty text={ofGuardian('ward.unread', { name: ward })} /> : null}
      {isOpening ? <Loading what={t('ward.opening')} /> : null}
      {failed.map(({ error, refetch, at }) => (
        <Failure
          key={readable[at]?.pid}
          error={error}
          text={ofGuardian('ward.unopened', { place: place(readable[at]?.organisation ?? '') })}
          onRetry={() => void refetch()}
        />
      ))}
      {entries.length > 0 || (isWhole && readable.length > 0 && ward !== null) ? <Entries entries={entries} /> : null}
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
      <DocumentFacts resource={resource} />
    </Card>
  );
}
