import { Card, Stack, Text, Title } from '@mantine/core';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { documentsOf } from './documents.ts';
import { Files } from './files.tsx';
import { keyOf, type RecordEntry } from './record-entry.ts';
import { RecordState } from './record-state.tsx';

export function Component() {
  const { t } = useTranslation('record');
  return (
    <Page title={t('views.documents')} lead={t('documents.lead')}>
      <RecordState>{(entries) => <Documents entries={entries} />}</RecordState>
    </Page>
  );
}

function Documents({ entries }: { readonly entries: readonly RecordEntry[] }) {
  const { t } = useTranslation('record');
  const words = useFhirWords();
  const { place } = useTerms();
  const documents = useMemo(() => documentsOf(entries), [entries]);
  if (documents.length === 0) return <Empty text={t('none.documents')} />;
  return (
    <Stack gap="sm">
      {documents.map(({ entry, files }) => (
        <Card key={keyOf(entry)} withBorder padding="md">
          <Title order={2} size="h4">
            <Link to={`/patient/record/entry/${entry.recordId}`}>{words.title(entry.resource)}</Link>
          </Title>
          <Text size="sm" c="dimmed">
            {[words.when(entry.resource), place(entry.organisation)].filter((part) => part !== '').join(' · ')}
          </Text>
          <Files entry={entry} files={files} entries={entries} />
        </Card>
      ))}
    </Stack>
  );
}
