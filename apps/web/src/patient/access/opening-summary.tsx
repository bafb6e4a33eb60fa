import { Alert, List, Stack, Text } from '@mantine/core';
import type { GrantChoice } from '@salus/wallet';
import { useTranslation } from 'react-i18next';
import { Loading } from '../../ui/loading.tsx';
import { useTerms } from '../../ui/terms.ts';
import type { RecordsAt } from './access-queries.ts';
import type { Place } from './acting.ts';
import { isNarrowedInside, joinOpenings, openingOf, type Reach } from './opening.ts';

/** What the plans open, counted on this device before anything is granted, and what cannot be taken back. */
export function OpeningSummary({
  plans,
  places,
}: {
  readonly plans: readonly { readonly entry: Place; readonly choice: Reach & Pick<GrantChoice, 'mayKeep'> }[];
  readonly places: readonly RecordsAt[];
}) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const recordsOf = (pid: string): RecordsAt | undefined => places.find(({ entry }) => entry.pid === pid);
  const failed = places.filter(({ isError }) => isError);
  const waiting = places.some(({ records, isError }) => records === undefined && !isError);
  const opening = joinOpenings(
    plans.map(({ entry, choice }) => openingOf(choice, recordsOf(entry.pid)?.records ?? [])),
  );
  const { opens, sensitive, closed, categories } = opening;
  const shown = categories.filter((counts) => counts.opens > 0);
  const narrowed = plans.some(({ choice }) => isNarrowedInside(choice));
  const mayKeep = plans.some(({ choice }) => choice.mayKeep === true);
  return (
    <Stack gap="xs">
      {waiting ? <Loading what={t('preview.counting')} /> : null}
      {failed.map(({ entry }) => (
        <Alert key={entry.pid} color="red" variant="outline" role="alert">
          {t('preview.failed', { place: terms.place(entry.organisation) })}
        </Alert>
      ))}
      <div role="status">
        <Text fw={600}>{waiting ? '' : t('opens', { count: opens, sensitive })}</Text>
        {waiting ? null : <Text size="sm">{t('closed', { count: closed })}</Text>}
      </div>
      {shown.length === 0 ? null : (
        <List size="sm" aria-label={t('preview.title')}>
          {shown.map(({ category, ...counts }) => (
            <List.Item key={category}>{t('preview.row', { category: terms.category(category), ...counts })}</List.Item>
          ))}
        </List>
      )}
      <Text size="sm">{t('preview.later')}</Text>
      {narrowed ? <Text size="sm">{t('preview.narrowed')}</Text> : null}
      <Text size="sm" fw={600}>
        {t('preview.back')}
        {mayKeep ? ` ${t('preview.keep')}` : ''}
      </Text>
    </Stack>
  );
}
