import { Badge, Button, Card, Group, NativeSelect, Stack, Text } from '@mantine/core';
import { lendToApp, type StaffApp, takeBackFromApp } from '@salus/client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { ScopeList } from '../../ui/scope-list.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { actOf, HOUR_MS, LENT_HOURS } from './lending.ts';

/** One app: what it may ask for, and what this person lends it or takes back. */
export function AppCard({ app }: { readonly app: StaffApp }) {
  const { t } = useTranslation('lending');
  const { client, name, scopes, usedBy, mayWrite, lent } = app;
  return (
    <Card withBorder padding="md" component="article" aria-label={name}>
      <Stack gap="xs">
        <Group justify="space-between" align="flex-start">
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {name}
          </Text>
          {mayWrite || lent !== null ? (
            <Badge variant={lent === null ? 'outline' : 'filled'}>{t(lent === null ? 'notLent' : 'lent')}</Badge>
          ) : null}
        </Group>
        {mayWrite ? null : <Text size="sm">{t(`usedBy.${usedBy}`)}</Text>}
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {t('number', { id: client })}
        </Text>
        <div>
          <Text size="sm">{t('asks')}</Text>
          <ScopeList scopes={scopes} />
        </div>
        {lent === null ? null : <Lent app={app} lent={lent} />}
        {lent === null && mayWrite ? <LendForm app={app} /> : null}
      </Stack>
    </Card>
  );
}

function Lent({ app, lent }: { readonly app: StaffApp; readonly lent: NonNullable<StaffApp['lent']> }) {
  const { t } = useTranslation('lending');
  const terms = useTerms();
  const say = useSay();
  const staff = useStaff();
  const queries = useQueryClient();
  const { client, name } = app;
  const back = useMutation({
    mutationFn: () => takeBackFromApp(staff.session, client),
    onSuccess: () => say(t('ended', { app: name })),
    // Where the answer was lost, the list tells whether it was done.
    onSettled: () => queries.invalidateQueries({ queryKey: ['lending'] }),
  });
  const acts = lent.scope.map((transaction) => {
    const act = actOf(transaction);
    return act === undefined ? transaction : t(`acts.${act}`);
  });
  return (
    <>
      <Text fw={600}>{t('until', { date: terms.moment(lent.untilMs) })}</Text>
      <Text size="sm">{t('may', { acts: terms.list(acts) })}</Text>
      <Text size="sm">{t('restart')}</Text>
      {back.error === null ? null : <Failure error={back.error} />}
      <Group>
        <Button
          color="red"
          variant="outline"
          aria-label={t('backFrom', { app: name })}
          loading={back.isPending}
          onClick={() => back.mutate()}
        >
          {t('back')}
        </Button>
      </Group>
    </>
  );
}

function LendForm({ app: { client, name } }: { readonly app: StaffApp }) {
  const { t } = useTranslation('lending');
  const terms = useTerms();
  const say = useSay();
  const staff = useStaff();
  const queries = useQueryClient();
  const [hours, setHours] = useState<number>(LENT_HOURS[0]);
  const lend = useMutation({
    mutationFn: () => lendToApp(staff.atWork(), { client, forMs: hours * HOUR_MS }),
    onSuccess: (untilMs) => say(t('done', { app: name, date: terms.moment(untilMs) })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['lending'] }),
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        lend.mutate();
      }}
    >
      <Stack gap="xs">
        <Group align="flex-end">
          <NativeSelect
            label={t('hours')}
            value={String(hours)}
            data={LENT_HOURS.map((count) => ({ value: String(count), label: t('forHours', { count }) }))}
            onChange={({ currentTarget }) => setHours(Number(currentTarget.value))}
          />
          <Button type="submit" aria-label={t('lendTo', { app: name })} loading={lend.isPending}>
            {t('lend')}
          </Button>
        </Group>
        {lend.error === null ? null : <Failure error={lend.error} />}
      </Stack>
    </form>
  );
}
