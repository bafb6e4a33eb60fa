import { Badge, Button, Card, Group, Stack, Text } from '@mantine/core';
import type { HeldGrant, ListedRecord } from '@salus/client';
import type { Terms as GrantTerms } from '@salus/contracts';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { usePatient, useSession } from '../../session/index.ts';
import { ConfirmButton } from '../../ui/confirm-button.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { useDecided } from './access-queries.ts';
import type { Place } from './acting.ts';
import { endGrant } from './decide.ts';
import { stateOf } from './grant-state.ts';
import { sentencesOf, whoOf } from './grant-words.ts';
import { findUnfinished } from './narrow-once.ts';
import { isNarrowable, reachOf, signedTerms } from './narrower.ts';
import { openingOf } from './opening.ts';
import { UnfinishedNarrowing } from './unfinished-narrowing.tsx';

/** A grant in words: who, what, why, until when, how often it was used, and how many documents it opens today. */
export function GrantCard({
  entry,
  grant,
  records,
}: {
  readonly entry: Place;
  readonly grant: HeldGrant;
  /** Where given, what the grant opens is counted. */
  readonly records: readonly ListedRecord[] | undefined;
}) {
  const { t } = useTranslation('access');
  const say = useSay();
  const terms = useTerms();
  const patient = usePatient();
  const decided = useDecided();
  const { nowMs } = useSession();
  const { fact } = grant;
  // What the node says of terms counts less than what this device signed.
  const { content } = patient.wallet;
  const signed = signedTerms(content, grant);
  const isChanged = signed === undefined && content.grants.some(({ terms: known }) => known.grant === grant.grant);
  const agreed = signed ?? grant.terms;
  const who = agreed === null ? grant.grant : whoOf(t, terms, agreed.grantee);
  const state = stateOf(grant, nowMs());
  const isActive = state === 'active';
  const unfinished = findUnfinished(patient, grant.grant);
  return (
    <Card withBorder padding="md" component="article" aria-label={who}>
      <Group justify="space-between" align="flex-start">
        <Text fw={600}>{who}</Text>
        <Badge variant={isActive ? 'filled' : 'outline'}>{t(`grants.status.${state}`)}</Badge>
      </Group>
      <Stack gap={2} my="xs">
        {agreed === null ? <Text>{t('grants.termsUnknown')}</Text> : null}
        {agreed !== null && isChanged ? <Text size="sm">{t('grants.changed')}</Text> : null}
        {(agreed === null ? [] : sentencesOf(t, terms, agreed, entry.organisation)).map((sentence) => (
          <Text key={sentence} size="sm">
            {sentence}
          </Text>
        ))}
        <Text size="sm">{t('grants.used', { count: fact.uses ?? 0 })}</Text>
        {agreed === null || records === undefined || !isActive ? null : <Opens agreed={agreed} records={records} />}
      </Stack>
      {isActive && unfinished !== undefined ? <UnfinishedNarrowing begun={unfinished} /> : null}
      {isActive ? (
        <Group>
          {isNarrowable(grant, signed) ? (
            <Button
              component={Link}
              to={`/patient/access/narrow/${grant.grant}`}
              variant="outline"
              size="compact-md"
              aria-label={t('narrow.openWhom', { who })}
            >
              {t('narrow.button')}
            </Button>
          ) : null}
          <ConfirmButton
            label={t('grants.revoke')}
            question={t('grants.revokeAsk')}
            consequence={t('grants.revokeText')}
            color="red"
            variant="outline"
            size="compact-md"
            onConfirm={async () => {
              await endGrant(patient, entry.pid, grant.grant);
              say(t('grants.revoked'));
              await decided();
            }}
          />
        </Group>
      ) : null}
    </Card>
  );
}

function Opens({ agreed, records }: { readonly agreed: GrantTerms; readonly records: readonly ListedRecord[] }) {
  const { t } = useTranslation('access');
  const { opens, sensitive } = openingOf(reachOf(agreed), records);
  return (
    <Text size="sm" fw={600}>
      {t('opens', { count: opens, sensitive })}
    </Text>
  );
}
