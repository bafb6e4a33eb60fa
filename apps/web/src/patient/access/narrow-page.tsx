import { Alert, Button, Card, Group, List, Stack, Text, Title } from '@mantine/core';
import type { HeldGrant } from '@salus/client';
import type { Terms as GrantTerms } from '@salus/contracts';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { usePatient, useSession } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { type RecordsAt, useDecided, useGrants, useRecordsAt } from './access-queries.ts';
import type { Place } from './acting.ts';
import { DraftFields } from './draft-fields.tsx';
import { sentencesOf, whoOf } from './grant-words.ts';
import { narrowOnce } from './narrow-once.ts';
import {
  draftOfTerms,
  findNarrowingFault,
  isNarrowable,
  type Narrowing,
  narrowedTerms,
  narrowingOf,
  reachOf,
  signedTerms,
} from './narrower.ts';
import { isNarrowedInside, opensIn } from './opening.ts';

/** Allows less by a permission that runs: what it opens now and would open afterwards stands there before anything is signed. */
export function NarrowPage() {
  const { t } = useTranslation('access');
  const patient = usePatient();
  const { grant: id = '' } = useParams();
  const { data, error, isPending, refetch } = useGrants();
  const held = data
    ?.flatMap(({ entry, grants }) => grants.map((grant) => ({ entry, grant })))
    .find(({ grant }) => grant.grant === id);
  const agreed = held === undefined ? undefined : signedTerms(patient.wallet.content, held.grant);
  const isPossible = held !== undefined && isNarrowable(held.grant, agreed);
  return (
    <Page title={t('narrow.title')} lead={t('narrow.lead')}>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined || isPossible ? null : (
        <Empty text={t('narrow.impossible')}>
          <Button component={Link} to="/patient/access" variant="outline" mt="sm">
            {t('narrow.back')}
          </Button>
        </Empty>
      )}
      {isPossible && agreed !== undefined ? <NarrowForm entry={held.entry} grant={held.grant} agreed={agreed} /> : null}
    </Page>
  );
}

function NarrowForm({
  entry,
  grant: { fact },
  agreed: found,
}: {
  readonly entry: Place;
  readonly grant: HeldGrant;
  readonly agreed: GrantTerms;
}) {
  const { t } = useTranslation('access');
  const say = useSay();
  const terms = useTerms();
  const patient = usePatient();
  const decided = useDecided();
  const navigate = useNavigate();
  const { nowMs } = useSession();
  // Committed, the wallet holds the new terms: what is shown here stays measured by those that were found.
  const [agreed] = useState(found);
  const [draft, setDraft] = useState(() => draftOfTerms(agreed));
  const [at] = useRecordsAt([entry]);
  const records = at?.records;
  const next = narrowedTerms(agreed, draft);
  const fault = findNarrowingFault(agreed, draft, { nowMs: nowMs(), used: fact.uses ?? 0 });
  const opened: readonly RecordsAt[] =
    records === undefined ? [] : [{ entry, records: opensIn(reachOf(agreed), records), isError: false }];
  const save = useMutation({
    mutationFn: () => narrowOnce(patient, next),
    onSuccess: async () => {
      say(t('narrow.done'));
      await decided();
      await navigate('/patient/access');
    },
  });
  return (
    <Stack>
      <Card withBorder padding="md" component="section" aria-labelledby="agreed">
        <Title order={2} size="h4" id="agreed">
          {whoOf(t, terms, agreed.grantee)}
        </Title>
        {sentencesOf(t, terms, agreed, entry.organisation).map((sentence) => (
          <Text key={sentence} size="sm">
            {sentence}
          </Text>
        ))}
        <Text size="sm">{t('grants.used', { count: fact.uses ?? 0 })}</Text>
      </Card>
      {at?.isError === true ? (
        <Failure error={undefined} text={t('preview.failed', { place: terms.place(entry.organisation) })} />
      ) : null}
      {records === undefined && at?.isError !== true ? <Loading what={t('preview.counting')} /> : null}
      <DraftFields draft={draft} agreed={agreed} categories={agreed.categories} places={opened} onChange={setDraft} />
      {records === undefined ? null : <Difference narrowing={narrowingOf(agreed, next, records)} next={next} />}
      {fault === undefined ? null : (
        <Text c={fault === 'unchanged' ? undefined : 'red.9'} role="status">
          {t(`narrow.faults.${fault}`)}
        </Text>
      )}
      {save.error === null ? null : <Failure error={save.error} />}
      <Group>
        <Button
          onClick={() => save.mutate()}
          disabled={records === undefined || fault !== undefined}
          loading={save.isPending}
        >
          {t('narrow.allow')}
        </Button>
        <Button component={Link} to="/patient/access" variant="default">
          {t('narrow.back')}
        </Button>
      </Group>
    </Stack>
  );
}

/** Before and after in numbers, and what cannot be undone. */
function Difference({ narrowing, next }: { readonly narrowing: Narrowing; readonly next: GrantTerms }) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const { now, afterwards, sensitive, categories } = narrowing;
  return (
    <Alert variant="outline" color="gray.8">
      <Stack gap="xs">
        <div role="status">
          <Text fw={600}>
            {t('narrow.counts', { count: now, afterwards: t('narrow.afterwards', { count: afterwards }) })}
          </Text>
          <Text size="sm">{t('sensitiveOf', { count: sensitive })}</Text>
        </div>
        {categories.length === 0 ? null : (
          <List size="sm" aria-label={t('narrow.by')}>
            {categories.map(({ category, ...counts }) => (
              <List.Item key={category}>{t('narrow.row', { category: terms.category(category), ...counts })}</List.Item>
            ))}
          </List>
        )}
        {isNarrowedInside(reachOf(next)) ? <Text size="sm">{t('preview.narrowed')}</Text> : null}
        <Text size="sm">{t('narrow.open')}</Text>
        <Text size="sm" fw={600}>
          {t('narrow.cannot')}
        </Text>
      </Stack>
    </Alert>
  );
}
