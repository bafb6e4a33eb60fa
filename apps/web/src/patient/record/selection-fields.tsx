import { Checkbox, Group, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useTerms } from '../../ui/terms.ts';
import type { RecordEntry } from './record-entry.ts';
import { organisationsOf, type Selection, selected, sensitiveCount } from './selection.ts';

/** Which organisations' entries go in, whether sensitive ones do, and how many that makes: said before anything is made. */
export function SelectionFields({
  entries,
  selection,
  onChange,
}: {
  readonly entries: readonly RecordEntry[];
  readonly selection: Selection;
  readonly onChange: (selection: Selection) => void;
}) {
  const { t } = useTranslation('record');
  const { place } = useTerms();
  const sensitive = sensitiveCount(entries, selection);
  const organisations = organisationsOf(entries);
  return (
    <Stack gap="sm">
      <Checkbox.Group
        label={t('take.places')}
        value={organisations.filter((organisation) => !selection.without.includes(organisation))}
        onChange={(chosen) =>
          onChange({ ...selection, without: organisations.filter((organisation) => !chosen.includes(organisation)) })
        }
      >
        <Group mt="xs">
          {organisations.map((organisation) => (
            <Checkbox key={organisation} value={organisation} label={place(organisation)} />
          ))}
        </Group>
      </Checkbox.Group>
      {sensitive === 0 ? null : (
        <Checkbox
          label={t('take.sensitive', { count: sensitive })}
          checked={selection.withSensitive}
          onChange={({ currentTarget }) => onChange({ ...selection, withSensitive: currentTarget.checked })}
        />
      )}
      <Text role="status" fw={600}>
        {t('take.count', { count: selected(entries, selection).length })}
      </Text>
    </Stack>
  );
}
