import { Progress, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { usePatient } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { useTerms } from '../../ui/terms.ts';
import type { RecordEntry } from './record-entry.ts';
import { type OpenRecord, useRecord } from './use-record.ts';

/** The open record under what is still on its way or could not be read; a page shows what there is. */
export function RecordState({
  isWhole = false,
  children,
}: {
  /** For what is made of the whole record: not before all of it is open. */
  readonly isWhole?: boolean;
  readonly children: (entries: readonly RecordEntry[]) => ReactNode;
}) {
  const { t } = useTranslation('record');
  const record = useRecord();
  const { pids } = usePatient();
  if (pids.length === 0) {
    return (
      <Empty text={t('none.places')}>
        <Link to="/patient/start">{t('none.placesNext')}</Link>
      </Empty>
    );
  }
  const isEmpty = record.entries.length === 0;
  return (
    <Stack gap="md">
      <FailedPlaces record={record} />
      {record.isOpening ? <Opening {...record} /> : null}
      {record.isKept ? (
        <Text size="sm" role="status">
          {t('opening.offline')}
        </Text>
      ) : null}
      {isEmpty || (isWhole && record.isOpening) ? null : children(record.entries)}
      {isEmpty && !record.isOpening && record.failed.length === 0 ? <Empty text={t('none.entries')} /> : null}
    </Stack>
  );
}

function FailedPlaces({ record: { failed, retry } }: { readonly record: OpenRecord }) {
  const { t } = useTranslation('record');
  const { place, list } = useTerms();
  const [first] = failed;
  if (first === undefined) return null;
  const places = list(failed.map(({ organisation }) => place(organisation)));
  return (
    <Failure
      error={first.error}
      text={t('opening.place', { count: failed.length, place: places, places })}
      onRetry={retry}
    />
  );
}

function Opening({ done, total }: Pick<OpenRecord, 'done' | 'total'>) {
  const { t, i18n } = useTranslation('record');
  const number = new Intl.NumberFormat(i18n.language);
  return (
    <Stack gap="xs">
      <Loading what={t('opening.text')} />
      {total === 0 ? null : (
        <>
          <Progress.Root>
            <Progress.Section value={(100 * done) / total} aria-label={t('opening.text')} />
          </Progress.Root>
          <Text size="sm">{t('opening.progress', { done: number.format(done), total: number.format(total) })}</Text>
        </>
      )}
    </Stack>
  );
}
