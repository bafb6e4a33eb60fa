import { Checkbox, Fieldset, NumberInput, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import type { ListedRecord } from '@salus/client';
import type { Terms as GrantTerms } from '@salus/contracts';
import { useTranslation } from 'react-i18next';
import { useTerms } from '../../ui/terms.ts';
import type { RecordsAt } from './access-queries.ts';
import { type Draft, withItem } from './draft.ts';
import { ExceptFields } from './except-fields.tsx';

/** Single documents are listed up to here, the newest first; who wants older ones narrows by time or kind. */
const SINGLES_MAX = 200;
const USES_MAX = 1_000;

/** Places, time, kinds, single documents, persons, end, uses and copies: each narrows, none is needed. */
export function NarrowFields({
  draft,
  agreed,
  places,
  onChange,
}: {
  readonly draft: Draft;
  /** Of a grant that runs already: who is shut out stays so, and a copy that was not allowed is none. */
  readonly agreed?: GrantTerms | undefined;
  readonly places: readonly RecordsAt[];
  readonly onChange: (draft: Draft) => void;
}) {
  const { t } = useTranslation('access');
  return (
    <Stack gap="sm">
      <PlaceFields draft={draft} places={places} onChange={onChange} />
      <Fieldset legend={t('form.period')}>
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <TextInput
            type="date"
            label={t('form.from')}
            value={draft.dataFrom}
            onChange={({ currentTarget }) => onChange({ ...draft, dataFrom: currentTarget.value })}
          />
          <TextInput
            type="date"
            label={t('form.to')}
            value={draft.dataTo}
            onChange={({ currentTarget }) => onChange({ ...draft, dataTo: currentTarget.value })}
          />
        </SimpleGrid>
      </Fieldset>
      <TypeFields draft={draft} places={places} onChange={onChange} />
      <SingleFields draft={draft} places={places} onChange={onChange} />
      <ExceptFields draft={draft} fixed={agreed?.exceptActors} onChange={onChange} />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <TextInput
          type="date"
          label={t('form.until')}
          value={draft.endsOn}
          onChange={({ currentTarget }) => onChange({ ...draft, endsOn: currentTarget.value })}
        />
        <NumberInput
          label={t('form.uses')}
          description={t('form.usesHint')}
          min={1}
          max={USES_MAX}
          allowDecimal={false}
          value={draft.maxUses ?? ''}
          onChange={(value) => onChange({ ...draft, maxUses: typeof value === 'number' ? value : null })}
        />
      </SimpleGrid>
      {agreed?.mayKeep === false ? null : (
        <Checkbox
          label={t('form.keep')}
          description={t('form.keepHint')}
          checked={draft.mayKeep}
          onChange={({ currentTarget }) => onChange({ ...draft, mayKeep: currentTarget.checked })}
        />
      )}
    </Stack>
  );
}

interface PartProps {
  readonly draft: Draft;
  readonly places: readonly RecordsAt[];
  readonly onChange: (draft: Draft) => void;
}

function PlaceFields({ draft, places, onChange }: PartProps) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const all = places.map(({ entry }) => entry.pid);
  const chosen = draft.places ?? all;
  if (places.length < 2) return null;
  return (
    <Fieldset legend={t('form.where')}>
      <Text size="sm">{t('form.whereHint')}</Text>
      {places.map(({ entry }) => (
        <Checkbox
          key={entry.pid}
          mt="xs"
          checked={chosen.includes(entry.pid)}
          label={terms.place(entry.organisation)}
          onChange={({ currentTarget }) => {
            const next = withItem(chosen, entry.pid, currentTarget.checked);
            onChange({ ...draft, places: next.length === all.length ? null : next });
          }}
        />
      ))}
    </Fieldset>
  );
}

function TypeFields({ draft, places, onChange }: PartProps) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const types = [...new Set(chosenRecords(draft, places).map(({ record }) => record.type))].sort();
  if (types.length < 2 && draft.types === null) return null;
  return (
    <Fieldset legend={t('form.types')}>
      <Checkbox
        label={t('form.allTypes')}
        checked={draft.types === null}
        onChange={({ currentTarget }) => onChange({ ...draft, types: currentTarget.checked ? null : types })}
      />
      {draft.types === null
        ? null
        : types.map((type) => (
            <Checkbox
              key={type}
              mt="xs"
              ms="lg"
              label={terms.type(type)}
              checked={draft.types?.includes(type) === true}
              onChange={({ currentTarget }) =>
                onChange({ ...draft, types: withItem(draft.types ?? types, type, currentTarget.checked) })
              }
            />
          ))}
    </Fieldset>
  );
}

function SingleFields({ draft, places, onChange }: PartProps) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const listed = chosenRecords(draft, places).slice(0, SINGLES_MAX);
  if (listed.length === 0) return null;
  const nameOf = (record: ListedRecord, place: string): string => {
    const ms = record.dataFromMs ?? record.dataToMs;
    const date = ms === null ? t('form.noDate') : terms.date(ms);
    return t('form.singleName', { type: terms.type(record.type), date, place: terms.place(place) });
  };
  return (
    <Fieldset legend={t('form.singles')}>
      <Checkbox
        label={t('form.allSingles')}
        checked={draft.records === null}
        onChange={({ currentTarget }) =>
          onChange({ ...draft, records: currentTarget.checked ? null : listed.map(({ record }) => record.recordId) })
        }
      />
      {draft.records === null
        ? null
        : listed.map(({ record, place }) => (
            <Checkbox
              key={record.recordId}
              mt="xs"
              ms="lg"
              label={nameOf(record, place)}
              checked={draft.records?.includes(record.recordId) === true}
              onChange={({ currentTarget }) =>
                onChange({ ...draft, records: withItem(draft.records ?? [], record.recordId, currentTarget.checked) })
              }
            />
          ))}
    </Fieldset>
  );
}

/** Records of the ticked categories and places, the newest first. */
function chosenRecords(
  draft: Draft,
  places: readonly RecordsAt[],
): readonly { readonly record: ListedRecord; readonly place: string }[] {
  return places
    .filter(({ entry }) => draft.places === null || draft.places.includes(entry.pid))
    .flatMap(({ entry, records = [] }) => records.map((record) => ({ record, place: entry.organisation })))
    .filter(({ record }) => draft.categories.includes(record.category))
    .sort((left, right) => (right.record.dataFromMs ?? 0) - (left.record.dataFromMs ?? 0));
}
