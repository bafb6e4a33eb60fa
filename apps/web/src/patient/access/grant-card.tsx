import { Badge, Card, Group, Stack, Text } from '@mantine/core';
import type { HeldGrant, ListedRecord } from '@salus/client';
import type { Terms as GrantTerms } from '@salus/contracts';
import { useTranslation } from 'react-i18next';
import { usePatient, useSession } from '../../session/index.ts';
import { ConfirmButton } from '../../ui/confirm-button.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { useDecided } from './access-queries.ts';
import type { Place } from './acting.ts';
import { endGrant } from './decide.ts';
import { stateOf } from './grant-state.ts';
import { sentencesOf, whoOf } from './grant-words.ts';
import { openingOf, type Reach } from './opening.ts';

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
  const signed = patient.wallet.content.grants.find((known) => known.terms.grant === grant.grant)?.terms;
  const agreed = signed ?? grant.terms;
  const who = agreed === null ? grant.grant : whoOf(t, terms, agreed.grantee);
  const state = stateOf(grant, nowMs());
  const isActive = state === 'active';
  return (
    <Card withBorder padding="md" component="article" aria-label={who}>
      <Group justify="space-between" align="flex-start">
        <Text fw={600}>{who}</Text>
        <Badge variant={isActive ? 'filled' : 'outline'}>{t(`grants.status.${state}`)}</Badge>
      </Group>
      <Stack gap={2} my="xs">
        {agreed === null ? <Text>{t('grants.termsUnknown')}</Text> : null}
        {(agreed === null ? [] : sentencesOf(t, terms, agreed, entry.organisation)).map((sentence) => (
          <Text key={sentence} size="sm">
            {sentence}
          </Text>
        ))}
        <Text size="sm">{t('grants.used', { count: fact.uses ?? 0 })}</Text>
        {agreed === null || records === undefined || !isActive ? null : <Opens agreed={agreed} records={records} />}
      </Stack>
      {isActive ? (
        <Group>
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

function reachOf({ categories, labelClasses, resourceTypes, records, dataFromMs, dataToMs }: GrantTerms): Reach {
  return {
    categories,
    labelClasses,
    ...(resourceTypes === null ? {} : { resourceTypes }),
    ...(records === null ? {} : { records }),
    ...(dataFromMs === null ? {} : { dataFromMs }),
    ...(dataToMs === null ? {} : { dataToMs }),
  };
}
