import { Group, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { dateFormat, numberFormat } from '../../i18n/formats.ts';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { EntryRow } from './entry-row.tsx';
import { keyOf, type RecordEntry } from './record-entry.ts';
import { RecordState } from './record-state.tsx';
import { isEvent, type TimelineFilter, type TimelineRow, timelineOf } from './timeline.ts';

const TYPING_MS = 200;
/** Rows of two lines are exactly this high, as record.css has it: one of another height has all below it placed anew. */
const ENTRY_PX = 68;
const MONTH_PX = 48;
const OVERSCAN = 6;

export function Component() {
  const { t } = useTranslation('record');
  return (
    <Page title={t('title')} lead={t('timeline.lead')}>
      <RecordState>{(entries) => <Timeline entries={entries} />}</RecordState>
    </Page>
  );
}

const NO_FILTER: TimelineFilter = { words: '', categories: [], organisations: [] };

function Timeline({ entries }: { readonly entries: readonly RecordEntry[] }) {
  const { t, i18n } = useTranslation('record');
  const [filter, setFilter] = useState(NO_FILTER);
  const [words] = useDebouncedValue(filter.words, TYPING_MS);
  const { categories, organisations } = filter;
  const rows = useMemo(
    () => timelineOf(entries, { words, categories, organisations }),
    [entries, words, categories, organisations],
  );
  const count = rows.reduce((sum, row) => sum + (row.kind === 'entry' ? 1 : 0), 0);
  return (
    <Stack gap="md">
      <Filters entries={entries} filter={filter} onChange={setFilter} />
      <Text size="sm" role="status">
        {t('timeline.shown', { count, formatted: numberFormat(i18n.language).format(count) })}
      </Text>
      {rows.length === 0 ? <Empty text={t('none.found')} /> : <Rows rows={rows} />}
    </Stack>
  );
}

function Filters({
  entries,
  filter,
  onChange,
}: {
  readonly entries: readonly RecordEntry[];
  readonly filter: TimelineFilter;
  readonly onChange: (filter: TimelineFilter) => void;
}) {
  const { t } = useTranslation('record');
  const { category, place } = useTerms();
  const [categories, organisations] = useMemo(() => {
    const events = entries.filter(isEvent);
    return [
      [...new Set(events.map((entry) => entry.category))],
      [...new Set(events.map((entry) => entry.organisation))],
    ];
  }, [entries]);
  const choice = (name: 'categories' | 'organisations', values: readonly string[], label: (code: string) => string) => (
    <Select
      label={t(name === 'categories' ? 'timeline.category' : 'timeline.place')}
      placeholder={t('timeline.all')}
      data={values.map((value) => ({ value, label: label(value) }))}
      value={filter[name][0] ?? null}
      onChange={(value) => onChange({ ...filter, [name]: value === null ? [] : [value] })}
      clearable
      flex="1 1 12rem"
    />
  );
  return (
    <Group component="search" aria-label={t('timeline.filter')} align="flex-end" gap="sm">
      <TextInput
        type="search"
        label={t('timeline.search')}
        placeholder={t('timeline.searchHint')}
        value={filter.words}
        onChange={({ currentTarget }) => onChange({ ...filter, words: currentTarget.value })}
        flex="2 1 14rem"
      />
      {choice('categories', categories, category)}
      {choice('organisations', organisations, place)}
    </Group>
  );
}

/** Only the rows near the window are in the page: 5,000 entries scroll like 50. */
function Rows({ rows }: { readonly rows: readonly TimelineRow[] }) {
  const { t } = useTranslation('record');
  const list = useRef<HTMLUListElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => setOffset(list.current?.offsetTop ?? 0), []);
  const keys = useMemo(() => rows.map(rowKey), [rows]);
  // The same functions for the same rows: with others every row is placed anew, on each frame.
  const estimateSize = useCallback((index: number) => (rows[index]?.kind === 'month' ? MONTH_PX : ENTRY_PX), [rows]);
  const getItemKey = useCallback((index: number) => keys[index]!, [keys]);
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize,
    getItemKey,
    overscan: OVERSCAN,
    scrollMargin: offset,
  });
  return (
    <ul
      ref={list}
      className="entry-list timeline"
      aria-label={t('timeline.list')}
      style={{ blockSize: virtualizer.getTotalSize() }}
    >
      {virtualizer.getVirtualItems().map(({ index, key, start }) => (
        <li
          key={key}
          data-index={index}
          ref={virtualizer.measureElement}
          aria-setsize={rows.length}
          aria-posinset={index + 1}
          style={{ transform: `translateY(${start - offset}px)` }}
        >
          <Row row={rows[index]!} />
        </li>
      ))}
    </ul>
  );
}

/** Drawn once: while the list scrolls, rows that stay are the same. */
const Row = memo(function Row({ row }: { readonly row: TimelineRow }) {
  const { t, i18n } = useTranslation('record');
  if (row.kind === 'entry') return <EntryRow entry={row.entry} />;
  const [year = 0, month = 1] = row.month.split('-').map(Number);
  const name = dateFormat(i18n.language, { year: 'numeric', month: 'long' });
  return (
    <Group className="month" justify="space-between" align="baseline">
      <Title order={2} size="h4">
        {name.format(new Date(year, month - 1))}
      </Title>
      <Text size="sm" c="dimmed">
        {t('timeline.inMonth', { count: row.count })}
      </Text>
    </Group>
  );
});

function rowKey(row: TimelineRow): string {
  return row.kind === 'month' ? row.month : keyOf(row.entry);
}
