import { Alert, Button, Checkbox, Group, NativeSelect, Stack, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { usePatient, useSession } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { type Place, useActing } from './acting.ts';
import { LogLine } from './log-line.tsx';
import { missingIn, shownLines } from './log-lines.ts';
import { useLog } from './log-queries.ts';
import { isOwn } from './log-words.ts';
import { useKeyOf } from './use-key-of.ts';

/** Who looked, place by place: each place keeps a log of its own. */
export function LogPageView() {
  const { t } = useTranslation('log');
  const terms = useTerms();
  const { entries: pids } = useActing();
  const [search, setSearch] = useSearchParams();
  const entry = pids.find(({ organisation }) => organisation === search.get('place')) ?? pids[0];
  return (
    <Page title={t('title')} lead={t('lead')}>
      {pids.length < 2 ? null : (
        <NativeSelect
          label={t('placeLabel')}
          maw={360}
          value={entry?.organisation}
          data={pids.map(({ organisation }) => ({ value: organisation, label: terms.place(organisation) }))}
          onChange={({ currentTarget }) => setSearch({ place: currentTarget.value }, { replace: true })}
        />
      )}
      {entry === undefined ? <Empty text={t('none')} /> : <Log key={entry.pid} entry={entry} />}
    </Page>
  );
}

function Log({ entry }: { readonly entry: Place }) {
  const { t } = useTranslation('log');
  const patient = usePatient();
  const { nowMs } = useSession();
  const keyOf = useKeyOf(entry);
  const [othersOnly, setOthersOnly] = useState(true);
  const { data, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage, refetch } = useLog(entry);
  const { network } = patient;
  const seen = patient.wallet.content.checkpoint;
  const checking = useMemo(() => ({ network, pid: entry.pid, seen, nowMs: nowMs() }), [network, entry, seen, nowMs]);
  const lines = useMemo(() => shownLines(data?.pages ?? [], checking), [data, checking]);
  const missing = useMemo(() => missingIn(data?.pages ?? []), [data]);
  // What is not proven is shown whoever is said to have done it.
  const shown = lines.filter(
    ({ event, state, gap }) => !othersOnly || gap || state === 'wrong' || event === undefined || !isOwn(event, keyOf),
  );
  return (
    <Stack>
      <Checkbox
        label={t('onlyOthers')}
        checked={othersOnly}
        onChange={({ currentTarget }) => setOthersOnly(currentTarget.checked)}
      />
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {missing.newest ? <Missing text={t('missingNewest')} /> : null}
      {data !== undefined && shown.length === 0 && !missing.newest ? <Empty text={t('none')} /> : null}
      <Stack component="ol" gap="xs" p={0} m={0} style={{ listStyle: 'none' }}>
        {shown.map((one) => (
          <LogLine key={one.line.seq} shown={one} place={entry.organisation} checking={checking} keyOf={keyOf} />
        ))}
      </Stack>
      {data !== undefined && !hasNextPage && missing.oldest ? <Missing text={t('missingOldest')} /> : null}
      <Group>
        {hasNextPage ? (
          <Button variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t('more')}
          </Button>
        ) : null}
        {data !== undefined && !hasNextPage && !missing.newest && !missing.oldest ? (
          <Text size="sm">{t('all')}</Text>
        ) : null}
      </Group>
    </Stack>
  );
}

function Missing({ text }: { readonly text: string }) {
  return (
    <Alert color="red" variant="outline" role="alert">
      {text}
    </Alert>
  );
}
