import { Badge, Button, Card, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { conceptText } from '../../fhir/concept.ts';
import { isOver } from '../../fhir/status.ts';
import { titleOf } from '../../fhir/title.ts';
import { valuesOf } from '../../fhir/value.ts';
import { whenOf, whenText } from '../../fhir/when.ts';
import { Empty } from '../../ui/empty.tsx';
import { useTerms } from '../../ui/terms.ts';
import type { ChartEntry } from './chart-entry.ts';
import { detailOf } from './detail.ts';
import { Provenance } from './provenance.tsx';

/** More than a screenful is shown on demand. */
const STEP = 50;

/** Entries as cards: what, when, whose, and on demand where it comes from. */
export function EntryList({
  entries,
  empty,
  withProof = true,
}: {
  readonly entries: readonly ChartEntry[];
  readonly empty: string;
  readonly withProof?: boolean;
}) {
  const { t } = useTranslation('clinician');
  const [shown, setShown] = useState(STEP);
  if (entries.length === 0) return <Empty text={empty} />;
  return (
    <Stack gap="xs">
      {entries.slice(0, shown).map((entry) => (
        <EntryCard key={entry.key} entry={entry} withProof={withProof} />
      ))}
      {shown < entries.length ? (
        <Group>
          <Button variant="default" onClick={() => setShown(shown + STEP)}>
            {t('chart.more', { count: entries.length - shown })}
          </Button>
        </Group>
      ) : null}
    </Stack>
  );
}

function EntryCard({ entry, withProof }: { readonly entry: ChartEntry; readonly withProof: boolean }) {
  const { t, i18n } = useTranslation('clinician');
  const terms = useTerms();
  const { resource, type, organisation, isOwn } = entry;
  const when = whenOf(resource);
  const values = type === 'Observation' ? valuesOf(resource, i18n.language) : [];
  const detail = detailOf(resource);
  const title = titleOf(resource) ?? conceptText(resource.code) ?? terms.type(type);
  return (
    <Card withBorder padding="sm" component="article" aria-label={title}>
      <Stack gap={4}>
        <Group gap="xs">
          <Text fw={600}>{title}</Text>
          {isOver(resource) ? (
            <Badge variant="outline" color="gray.8">
              {t('chart.over')}
            </Badge>
          ) : null}
          {isOwn ? null : (
            <Badge variant="outline" color="indigo.9">
              {t('chart.elsewhere', { place: terms.place(organisation) })}
            </Badge>
          )}
        </Group>
        {values.map(({ name, text }) => (
          <Text key={name ?? ''}>{name === undefined ? text : `${name}: ${text}`}</Text>
        ))}
        {detail === undefined ? null : (
          <Text size="sm" className="chart-detail">
            {detail}
          </Text>
        )}
        <Text size="sm">
          {[terms.type(type), when === undefined ? undefined : whenText(when, i18n.language), terms.place(organisation)]
            .filter(Boolean)
            .join(' · ')}
        </Text>
        {withProof ? <Provenance entry={entry} title={title} /> : null}
      </Stack>
    </Card>
  );
}
