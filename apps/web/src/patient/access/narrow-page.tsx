import { Alert, Button, Card, Group, List, Stack, Text, Title } from '@mantine/core';
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
import { type RecordsAt, useDecided, useGrantsAt, useRecordsAt } from './access-queries.ts';
import { useActing } from './acting.ts';
import { DraftFields } from './draft-fields.tsx';
import { FormFault } from './form-fault.tsx';
import { sentencesOf, whoOf } from './grant-words.ts';
import { findUnfinished, narrowOnce } from './narrow-once.ts';
import { findGrantPlace, type Narrowable, narrowViewOf, pointOf } from './narrow-view.ts';
import { draftOfTerms, findNarrowingFault, type Narrowing, narrowedTerms, narrowingOf, reachOf } from './narrower.ts';
import { isNarrowedInside, opensIn } from './opening.ts';
import { UnfinishedNarrowing } from './unfinished-narrowing.tsx';

/** Allows less by a permission that runs: what it opens now and would open afterwards stands there before anything is signed. */
export function NarrowPage() {
  const { grant = '' } = useParams();
  return <NarrowGrant key={grant} id={grant} />;
}

function NarrowGrant({ id }: { readonly id: string }) {
  const { t } = useTranslation(['access', 'guardians']);
  const patient = usePatient();
  const { ward } = useActing();
  const { content } = patient.wallet;
  const place = findGrantPlace(content, id);
  const { data, error, isPending, refetch } = useGrantsAt(place === undefined ? [] : [place]);
  const [shown, setShown] = useState<Narrowable>();
  const held = data?.flatMap(({ grants }) => grants).find(({ grant }) => grant === id);
  const view = narrowViewOf(content, { shown, place, held, begun: findUnfinished(patient, id) });
  if (view.kind === 'form' && view.found !== shown) setShown(view.found);
  return (
    <Page title={t('narrow.title')} lead={t('narrow.lead')}>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {place === undefined || place.ward === null || place.ward === ward ? null : (
        <Alert variant="outline">{t('guardians:ward.acting', { name: place.ward })}</Alert>
      )}
      {view.kind === 'unfinished' ? <UnfinishedNarrowing begun={view.begun} /> : null}
      {view.kind === 'impossible' && data !== undefined ? <Empty text={t('narrow.impossible')} /> : null}
      {view.kind === 'form' ? (
        <NarrowForm found={view.found} used={(held ?? view.found.grant).fact.uses ?? 0} />
      ) : (
        <Group>
          <Button component={Link} to="/patient/access" variant="outline">
            {t('narrow.back')}
          </Button>
        </Group>
      )}
    </Page>
  );
}

function NarrowForm({
  found: { place, grant, agreed },
  used,
}: {
  readonly found: Narrowable;
  /** How often the grant was used until now. */
  readonly used: number;
}) {
  const { t } = useTranslation('access');
  const say = useSay();
  const terms = useTerms();
  const patient = usePatient();
  const decided = useDecided();
  const navigate = useNavigate();
  const { nowMs } = useSession();
  const begun = findUnfinished(patient, grant.grant);
  const [draft, setDraft] = useState(() => draftOfTerms(agreed));
  const [at] = useRecordsAt([place]);
  const records = at?.records;
  const next = narrowedTerms(agreed, draft);
  const fault = findNarrowingFault(agreed, draft, { nowMs: nowMs(), used });
  const opened: readonly RecordsAt[] =
    records === undefined ? [] : [{ entry: place, records: opensIn(reachOf(agreed), records), isError: false }];
  const save = useMutation({
    mutationFn: () => narrowOnce(patient, next),
    onSuccess: async (end) => {
      if (end !== 'done') return;
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
        {sentencesOf(t, terms, agreed, place.organisation).map((sentence) => (
          <Text key={sentence} size="sm">
            {sentence}
          </Text>
        ))}
        <Text size="sm">{t('grants.used', { count: used })}</Text>
      </Card>
      {at?.isError === true ? (
        <Failure
          error={undefined}
          text={t('preview.failed', { place: terms.place(place.organisation) })}
          onRetry={() => void at.refetch()}
        />
      ) : null}
      {records === undefined && at?.isError !== true ? <Loading what={t('preview.counting')} /> : null}
      <DraftFields draft={draft} agreed={agreed} categories={agreed.categories} places={opened} onChange={setDraft} />
      {records === undefined ? null : <Difference narrowing={narrowingOf(agreed, next, records)} next={next} />}
      <FormFault text={fault === undefined ? undefined : t(`narrow.faults.${fault}`)} isGrave={fault !== 'unchanged'} />
      {save.data === 'begun-elsewhere' ? <Failure error={undefined} text={t('narrow.elsewhere')} /> : null}
      {save.error === null ? null : (
        <Failure error={save.error} {...(begun === undefined ? {} : { text: t(`narrow.${pointOf(begun)}`) })} />
      )}
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
