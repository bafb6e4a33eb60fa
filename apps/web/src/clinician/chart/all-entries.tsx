import { Select, Stack } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useTerms } from '../../ui/terms.ts';
import { type ChartEntry, entriesOf } from './chart-entry.ts';
import { EntryList } from './entry-list.tsx';
import { WithChart } from './with-chart.tsx';

/** Everything by time, newest first; one kind on demand. */
export function AllEntries() {
  return <WithChart>{(entries) => <Filtered entries={entries} />}</WithChart>;
}

function Filtered({ entries }: { readonly entries: readonly ChartEntry[] }) {
  const { t } = useTranslation('clinician');
  const terms = useTerms();
  const [type, setType] = useState<string | null>(null);
  const types = [...new Set(entries.map((entry) => entry.type))];
  return (
    <Stack>
      <Select
        label={t('all.kind')}
        placeholder={t('all.every')}
        data={types.map((value) => ({ value, label: terms.type(value) }))}
        value={type}
        onChange={setType}
        clearable
        clearButtonProps={{ 'aria-label': t('all.every') }}
        maw={320}
      />
      <EntryList key={type} entries={entriesOf(entries, ...(type === null ? types : [type]))} empty={t('all.none')} />
    </Stack>
  );
}
