import { Button, Checkbox, Collapse, Fieldset, Group, Stack, Text } from '@mantine/core';
import { useDisclosure, useId } from '@mantine/hooks';
import type { Terms as GrantTerms } from '@salus/contracts';
import { useTranslation } from 'react-i18next';
import { useTerms } from '../../ui/terms.ts';
import type { RecordsAt } from './access-queries.ts';
import { type Draft, noonOf, sensitiveIn, withItem } from './draft.ts';
import { NarrowFields } from './narrow-fields.tsx';
import { sensitiveOf } from './narrower.ts';

/** What may be read, with how many documents each tick opens; further narrowing behind a button. */
export function DraftFields({
  draft,
  agreed,
  categories,
  places,
  onChange,
}: {
  readonly draft: Draft;
  /** Of a grant that runs already: it can only be narrowed. */
  readonly agreed?: GrantTerms;
  /** Those among which the patient chooses. */
  readonly categories: readonly string[];
  readonly places: readonly RecordsAt[];
  readonly onChange: (draft: Draft) => void;
}) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const [opened, { toggle }] = useDisclosure(false);
  const more = useId();
  const records = places.flatMap((place) => place.records ?? []);
  const inCategories = records.filter(({ category }) => draft.categories.includes(category));
  const labels = agreed === undefined ? sensitiveIn(draft, places) : sensitiveOf(agreed);
  const countOf = (category: string): number => records.filter((record) => record.category === category).length;
  return (
    <Stack gap="sm">
      <Fieldset legend={t('form.what')}>
        <Stack gap="xs">
          {categories.map((category) => (
            <Checkbox
              key={category}
              checked={draft.categories.includes(category)}
              label={`${terms.category(category)}: ${t('documents', { count: countOf(category) })}`}
              onChange={({ currentTarget }) =>
                onChange({ ...draft, categories: withItem(draft.categories, category, currentTarget.checked) })
              }
            />
          ))}
        </Stack>
      </Fieldset>
      {labels.length === 0 ? null : (
        <Fieldset legend={t('requests.sensitiveAsk')}>
          <Stack gap="xs">
            {labels.map((label) => (
              <Checkbox
                key={label}
                checked={draft.sensitive.includes(label)}
                label={`${terms.label(label)}: ${t('documents', {
                  count: inCategories.filter(({ labelClass }) => labelClass === label).length,
                })}`}
                onChange={({ currentTarget }) =>
                  onChange({ ...draft, sensitive: withItem(draft.sensitive, label, currentTarget.checked) })
                }
              />
            ))}
          </Stack>
        </Fieldset>
      )}
      <Group>
        <Button variant="subtle" size="compact-sm" onClick={toggle} aria-expanded={opened} aria-controls={more}>
          {t(opened ? 'requests.less' : 'requests.more')}
        </Button>
        <Text size="sm">
          {t('grants.until', { date: draft.endsOn === '' ? '–' : terms.date(noonOf(draft.endsOn)) })}
        </Text>
      </Group>
      <Collapse in={opened} id={more}>
        {opened ? <NarrowFields draft={draft} agreed={agreed} places={places} onChange={onChange} /> : null}
      </Collapse>
    </Stack>
  );
}
