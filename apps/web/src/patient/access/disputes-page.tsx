import {
  Alert,
  Badge,
  Blockquote,
  Button,
  Card,
  Group,
  NativeSelect,
  Stack,
  Text,
  Textarea,
  Title,
} from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { parseFhirJson } from '@salus/fhir/parse';
import { skipToken, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';
import { usePatient } from '../../session/index.ts';
import { ConfirmButton } from '../../ui/confirm-button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { useRecordsAt } from './access-queries.ts';
import { type Place, useActing } from './acting.ts';
import {
  type DisputeAt,
  listDisputes,
  openVersion,
  type ShownVersion,
  STATEMENT_CHARS_MAX,
  stateDispute,
  takeBack,
} from './disputes.ts';
import { DocumentFacts } from './document-facts.tsx';

/** Documents that can be chosen, the newest first; from the record itself one comes here with the document chosen. */
const CHOICES_MAX = 500;
/** Arrow keys pass others on the way to a document: those are not opened, and stand in no log. */
const OPENS_AFTER_MS = 400;
const ANSWER_PAUSE_MS = 1_000;
const ANSWER_TRIES_MAX = 30;

/** What the patient objects to, in their own words, and what the authors answered. */
export function DisputesPage() {
  const { t } = useTranslation('disputes');
  const patient = usePatient();
  const { entries } = useActing();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['dispute', entries.map(({ pid }) => pid)],
    queryFn: () => listDisputes(patient, entries),
    // That it was answered is told by the ledger, maybe before the place has the words.
    refetchInterval: ({ state }) =>
      state.dataUpdateCount < ANSWER_TRIES_MAX && state.data?.some(isAnswerOnItsWay) === true ? ANSWER_PAUSE_MS : false,
  });
  return (
    <Page title={t('title')} lead={t('lead')}>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 ? <Empty text={t('none')} /> : null}
      {data?.map((one) => (
        <DisputeCard key={one.dispute.dispute} held={one} />
      ))}
      <DisputeForm />
    </Page>
  );
}

function isAnswerOnItsWay({ dispute: { status, answer } }: DisputeAt): boolean {
  return answer === null && (status === 'amended' || status === 'declined');
}

function useSaid(): (message: string) => Promise<void> {
  const say = useSay();
  const client = useQueryClient();
  return async (message) => {
    say(message);
    await client.invalidateQueries({ queryKey: ['dispute'] });
  };
}

function DisputeCard({ held }: { readonly held: DisputeAt }) {
  const { t } = useTranslation('disputes');
  const terms = useTerms();
  const patient = usePatient();
  const said = useSaid();
  const { entry, dispute } = held;
  const { type, status, atMs, text, answer } = dispute;
  const what = t('at', { type: terms.type(type), place: terms.place(entry.organisation), date: terms.date(atMs) });
  return (
    <Card withBorder padding="md" component="article" aria-label={what}>
      <Group justify="space-between">
        <Text fw={600}>{what}</Text>
        <Badge variant={status === 'open' ? 'filled' : 'outline'}>{t(`status.${status}`)}</Badge>
      </Group>
      <Text size="sm" mt="xs">
        {t('yourWords')}
      </Text>
      <Blockquote p="sm">{text}</Blockquote>
      {answer === null ? null : (
        <>
          <Text size="sm" mt="xs">
            {t('answer')} · {terms.moment(answer.atMs)}
          </Text>
          <Blockquote p="sm">{answer.text}</Blockquote>
        </>
      )}
      <Text size="sm" my="xs">
        {t('proof', { date: terms.moment(atMs) })}
      </Text>
      {status === 'withdrawn' ? null : (
        <Group>
          <ConfirmButton
            label={t('withdraw')}
            question={t('withdrawAsk')}
            consequence={t('withdrawn')}
            variant="default"
            size="compact-md"
            onConfirm={async () => {
              await takeBack(patient, held);
              await said(t('withdrawn'));
            }}
          />
        </Group>
      )}
    </Card>
  );
}

/** The document as this device opened it: it stays as it was shown, whatever the place has meanwhile, until it is asked anew. */
function useOpened(entry: Place | undefined, recordId: string) {
  const patient = usePatient();
  const [openings, setOpenings] = useState(0);
  const [settled] = useDebouncedValue(recordId, OPENS_AFTER_MS);
  const opened = useQuery({
    queryKey: ['statement', entry?.pid, recordId, openings],
    queryFn: entry === undefined || settled !== recordId ? skipToken : () => openVersion(patient, entry, recordId),
    staleTime: 'static',
    gcTime: 0,
  });
  return { opened, openAnew: () => setOpenings(openings + 1) };
}

function DisputeForm() {
  const { t } = useTranslation('disputes');
  const terms = useTerms();
  const patient = usePatient();
  const said = useSaid();
  const client = useQueryClient();
  const { entries } = useActing();
  const [search] = useSearchParams();
  const [recordId, setRecordId] = useState(search.get('record') ?? '');
  const [text, setText] = useState('');
  const [tried, setTried] = useState(false);
  const places = useRecordsAt(entries);
  const documents = places
    .flatMap(({ entry, records = [] }) => records.map((record) => ({ entry, record })))
    .sort((left, right) => (right.record.dataFromMs ?? 0) - (left.record.dataFromMs ?? 0))
    .filter(({ record }, at) => at < CHOICES_MAX || record.recordId === recordId);
  const chosen = documents.find(({ record }) => record.recordId === recordId);
  const tooLong = text.length > STATEMENT_CHARS_MAX;
  const fault = text.trim() === '' ? 'empty' : tooLong ? 'tooLong' : undefined;
  const { opened, openAnew } = useOpened(chosen?.entry, recordId);
  const send = useMutation({
    mutationFn: (about: { readonly entry: Place; readonly shown: ShownVersion }) =>
      stateDispute(patient, { ...about, text: text.trim() }),
    onSuccess: async (done) => {
      if (done !== 'stated') {
        openAnew();
        await client.invalidateQueries({ queryKey: ['record'] });
        return;
      }
      setText('');
      setTried(false);
      await said(t('sent'));
    },
  });
  const nameOf = ({ entry, record }: (typeof documents)[number]): string => {
    const ms = record.dataFromMs ?? record.lastUpdatedMs ?? null;
    const date = ms === null ? '–' : terms.date(ms);
    return t('at', { type: terms.type(record.type), place: terms.place(entry.organisation), date });
  };
  return (
    <Card withBorder padding="md" component="section" aria-labelledby="object">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          const shown = opened.data;
          if (fault === undefined && chosen !== undefined && shown !== undefined)
            send.mutate({ entry: chosen.entry, shown });
        }}
      >
        <Stack gap="sm">
          <Title order={2} size="h4" id="object">
            {t('add')}
          </Title>
          <NativeSelect
            label={t('document')}
            value={recordId}
            error={tried && chosen === undefined ? t('noDocument') : undefined}
            data={[
              { value: '', label: '–' },
              ...documents.map((one) => ({ value: one.record.recordId, label: nameOf(one) })),
            ]}
            onChange={({ currentTarget }) => {
              setRecordId(currentTarget.value);
              send.reset();
            }}
          />
          {opened.isLoading ? <Loading what={t('opening')} /> : null}
          {opened.error === null ? null : (
            <Failure error={opened.error} text={t('unopened')} onRetry={() => void opened.refetch()} />
          )}
          {opened.data === undefined ? null : <ShownDocument text={opened.data.text} />}
          <Textarea
            label={t('text')}
            description={t('textHint')}
            autosize
            minRows={3}
            value={text}
            error={tooLong || (tried && fault !== undefined) ? t(fault ?? 'tooLong') : undefined}
            onChange={({ currentTarget }) => setText(currentTarget.value)}
          />
          {send.error === null ? null : <Failure error={send.error} />}
          {send.data === 'changed' ? <Alert color="orange" role="alert" title={t('changed')} /> : null}
          <Group>
            <Button type="submit" loading={send.isPending} disabled={chosen !== undefined && opened.data === undefined}>
              {t('sign')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}

/** The very text that a statement is about. */
function ShownDocument({ text }: { readonly text: string }) {
  const { t } = useTranslation('disputes');
  const words = useFhirWords();
  const resource = useMemo(() => parseFhirJson(text), [text]);
  return (
    <Card withBorder padding="sm" component="section" aria-label={t('shown')}>
      <Text size="sm">{t('shown')}</Text>
      <Text fw={600}>
        <bdi>{words.title(resource)}</bdi>
      </Text>
      <DocumentFacts resource={resource} />
    </Card>
  );
}
