import { Card, Text, Title } from '@mantine/core';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { CardGroups } from './card-groups.tsx';
import { EntryList } from './entry-row.tsx';
import { type Problem, problemsOf } from './problems.ts';
import type { RecordEntry } from './record-entry.ts';
import { RecordState } from './record-state.tsx';

export function Component() {
  const { t } = useTranslation('record');
  return (
    <Page title={t('views.problems')} lead={t('problems.lead')}>
      <RecordState>{(entries) => <Problems entries={entries} />}</RecordState>
    </Page>
  );
}

function Problems({ entries }: { readonly entries: readonly RecordEntry[] }) {
  const { t } = useTranslation('record');
  const problems = useMemo(() => problemsOf(entries), [entries]);
  if (problems.length === 0) return <Empty text={t('none.problems')} />;
  const cardsOf = (active: boolean) =>
    problems
      .filter(({ isActive }) => isActive === active)
      .map((problem) => <ProblemCard key={problem.key} problem={problem} />);
  const active = { title: t('problems.active'), cards: cardsOf(true) };
  return <CardGroups groups={[active, { title: t('problems.over'), cards: cardsOf(false) }]} />;
}

function ProblemCard({ problem }: { readonly problem: Problem }) {
  const { t } = useTranslation('record');
  const words = useFhirWords();
  const { date } = useTerms();
  const { title, sinceMs, conditions, related } = problem;
  return (
    <Card withBorder padding="md">
      <Title order={3} size="h4">
        {title ?? words.title(conditions[0]!.resource)}
      </Title>
      <Text size="sm" c="dimmed">
        {t('problems.since', { date: date(sinceMs) })}
      </Text>
      <Title order={4} size="h6" mt="sm">
        {t('problems.diagnoses')}
      </Title>
      <EntryList entries={conditions} />
      {related.length === 0 ? (
        <Text size="sm">{t('none.related')}</Text>
      ) : (
        <details>
          <summary>{t('problems.related', { count: related.length })}</summary>
          <EntryList entries={related} />
        </details>
      )}
    </Card>
  );
}
