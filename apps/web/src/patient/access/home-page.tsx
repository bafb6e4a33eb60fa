import { Badge, Button, Card, Checkbox, Fieldset, Group, NativeSelect, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePatient } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import type { Place } from './acting.ts';
import { type DenialAt, deny, listDenials, withdrawDenial } from './denials.ts';
import { shortId } from './grant-words.ts';
import { usePeople } from './use-people.ts';

const LABELS = ['PSY', 'HIV', 'SUD', 'SEX', 'SDV', 'GDIS', 'R'] as const;

/** “Not this person”: whom the patient shuts out inside the place that wrote the record. */
export function HomePage() {
  const { t } = useTranslation('access');
  const patient = usePatient();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['access', 'denials', patient.pids.map(({ pid }) => pid)],
    queryFn: () => listDenials(patient),
  });
  return (
    <Page title={t('home.title')} lead={t('home.lead')}>
      <Text>{t('home.emergency')}</Text>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 ? <Empty text={t('home.none')} /> : null}
      {data?.map((one) => (
        <DenialCard key={one.denial.denialId} held={one} />
      ))}
      <DenyForm />
    </Page>
  );
}

function useSaid(): (message: string) => Promise<void> {
  const say = useSay();
  const client = useQueryClient();
  return async (message) => {
    say(message);
    await client.invalidateQueries({ queryKey: ['access', 'denials'] });
  };
}

function DenialCard({ held: { entry, denial } }: { readonly held: DenialAt }) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const patient = usePatient();
  const said = useSaid();
  const people = usePeople();
  const nameOf = (id: string): string => {
    const roles = people.find((person) => person.id === id)?.roles ?? [];
    return [...roles.map(terms.role), t('form.number', { id: shortId(id) })].join(' · ');
  };
  const person = terms.list(denial.persons.map(nameOf));
  const labels = terms.list(denial.labelClasses.map(terms.label));
  const what =
    denial.persons.length === 0
      ? t('home.denyLabels', { labels })
      : t(denial.labelClasses.length === 0 ? 'home.denyPerson' : 'home.denyBoth', { person, labels });
  const withdraw = useMutation({
    mutationFn: () => withdrawDenial(patient, entry.pid, denial.denialId),
    onSuccess: () => said(t('home.withdrawn')),
  });
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between">
        <Badge variant="outline">{terms.place(entry.organisation)}</Badge>
        <Text size="sm">{t('home.since', { date: terms.date(denial.atMs) })}</Text>
      </Group>
      <Text my="xs">{what}</Text>
      {withdraw.error === null ? null : <Failure error={withdraw.error} />}
      <Group>
        <Button
          size="compact-md"
          variant="default"
          loading={withdraw.isPending}
          onClick={() => withdraw.mutate()}
          aria-label={t('home.withdrawWhat', { what })}
        >
          {t('home.withdraw')}
        </Button>
      </Group>
    </Card>
  );
}

function DenyForm() {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const patient = usePatient();
  const said = useSaid();
  const everybody = usePeople();
  const [place, setPlace] = useState<Place | undefined>(patient.pids[0]);
  const [person, setPerson] = useState('');
  const [labels, setLabels] = useState<readonly string[]>([]);
  const people = everybody.filter(({ organisation }) => organisation === place?.organisation);
  const save = useMutation({
    mutationFn: async () => {
      if (place !== undefined) await deny(patient, place.pid, { persons: person === '' ? [] : [person], labels });
    },
    onSuccess: async () => {
      setPerson('');
      setLabels([]);
      await said(t('home.saved'));
    },
  });
  return (
    <Card withBorder padding="md" component="section" aria-labelledby="deny">
      <Stack gap="sm">
        <Title order={2} size="h4" id="deny">
          {t('home.add')}
        </Title>
        <NativeSelect
          label={t('home.place')}
          maw={360}
          value={place?.pid}
          data={patient.pids.map(({ pid, organisation }) => ({ value: pid, label: terms.place(organisation) }))}
          onChange={({ currentTarget }) => {
            setPlace(patient.pids.find(({ pid }) => pid === currentTarget.value));
            setPerson('');
          }}
        />
        {people.length === 0 ? <Text size="sm">{t('home.whoNone')}</Text> : null}
        {people.length === 0 ? null : (
          <NativeSelect
            label={t('home.who')}
            description={t('home.whoHint')}
            maw={360}
            value={person}
            data={[
              { value: '', label: '–' },
              ...people.map(({ id, roles, lastMs }) => ({
                value: id,
                label: `${terms.list(roles.map(terms.role))} · ${shortId(id)} · ${terms.date(lastMs)}`,
              })),
            ]}
            onChange={({ currentTarget }) => setPerson(currentTarget.value)}
          />
        )}
        <Fieldset legend={t('home.labels')}>
          <Text size="sm">{t('home.labelsHint')}</Text>
          {LABELS.map((label) => (
            <Checkbox
              key={label}
              mt="xs"
              label={terms.label(label)}
              checked={labels.includes(label)}
              onChange={({ currentTarget }) =>
                setLabels(currentTarget.checked ? [...labels, label] : labels.filter((known) => known !== label))
              }
            />
          ))}
        </Fieldset>
        {save.error === null ? null : <Failure error={save.error} />}
        <Group>
          <Button
            color="red"
            variant="outline"
            disabled={place === undefined || (person === '' && labels.length === 0)}
            loading={save.isPending}
            onClick={() => save.mutate()}
          >
            {t('home.save')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
