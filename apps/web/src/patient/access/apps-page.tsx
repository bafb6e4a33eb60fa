import { Button, Card, Group, List, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { usePatient, useSession } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { useDecided, useRecordsAt } from './access-queries.ts';
import { answerApp, appCodeOf, findApp, type WaitingApp } from './apps.ts';
import { makeGrants } from './decide.ts';
import { type Draft, dayOf, emptyDraft, findFault, plansOf } from './draft.ts';
import { DraftFields } from './draft-fields.tsx';
import { endDecision } from './grant-once.ts';
import { LetInList } from './let-in-list.tsx';
import { OpeningSummary } from './opening-summary.tsx';

const DAY_MS = 86_400_000;
/** An app asks less often than a person: its grant lasts longer, unless the patient says otherwise. */
const APP_DAYS = 90;

/** The apps that were let in, and the way to one that waits with a code. */
export function AppsPage() {
  const { t } = useTranslation('apps');
  return (
    <Page title={t('yours.title')} lead={t('yours.lead')}>
      <LetInList />
      <Stack component="section" aria-labelledby="app-code" gap="sm">
        <Title order={2} size="h4" id="app-code">
          {t('yours.ask')}
        </Title>
        <CodeForm isBad={false} />
      </Stack>
    </Page>
  );
}

/** An app’s page shows a code; here the patient sees who asks and for what, and answers. */
export function AskingAppPage() {
  const { t } = useTranslation('apps');
  const { code: inAddress = '' } = useParams();
  const code = appCodeOf(inAddress);
  return (
    <Page title={t('title')} lead={t('lead')}>
      {code === undefined ? <CodeForm isBad /> : <AskingApp code={code} />}
    </Page>
  );
}

function CodeForm({ isBad }: { readonly isBad: boolean }) {
  const { t } = useTranslation('apps');
  const navigate = useNavigate();
  const [typed, setTyped] = useState('');
  const [bad, setBad] = useState(isBad);
  const find = async (): Promise<void> => {
    const found = appCodeOf(typed);
    setBad(found === undefined);
    if (found !== undefined) await navigate(`/patient/apps/${found}`);
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void find();
      }}
    >
      <Group align="flex-end">
        <TextInput
          label={t('code')}
          description={t('codeHint')}
          error={bad ? t('codeBad') : undefined}
          value={typed}
          autoComplete="off"
          onChange={({ currentTarget }) => setTyped(currentTarget.value)}
        />
        <Button type="submit">{t('find')}</Button>
      </Group>
    </form>
  );
}

function AskingApp({ code }: { readonly code: string }) {
  const patient = usePatient();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['app', code],
    queryFn: () => findApp(patient, code),
    retry: false,
  });
  if (isPending) return <Loading />;
  if (error !== null) return <Failure error={error} onRetry={() => void refetch()} />;
  return <AppForm app={data} code={code} />;
}

function AppForm({ app, code }: { readonly app: WaitingApp; readonly code: string }) {
  const { t } = useTranslation('apps');
  const say = useSay();
  const { t: inAccess } = useTranslation('access');
  const terms = useTerms();
  const patient = usePatient();
  const decided = useDecided();
  const navigate = useNavigate();
  const { nowMs } = useSession();
  const [openedMs] = useState(nowMs);
  const { entry } = app;
  const [draft, setDraft] = useState<Draft>(() => ({
    ...emptyDraft({ kind: 'client', organisation: entry.organisation, id: app.client }, openedMs),
    categories: app.categories,
    purposes: [app.purpose],
    types: app.resourceTypes,
    endsOn: dayOf(openedMs + APP_DAYS * DAY_MS),
  }));
  const places = useRecordsAt([entry]);
  const plans = plansOf(draft, places, { nowMs: openedMs });
  const fault = findFault(draft, openedMs);
  const isReady = places.every(({ records }) => records !== undefined);
  const leave = async (message: string): Promise<void> => {
    say(message);
    await decided();
    await navigate('/patient/apps');
  };
  const allow = useMutation({
    mutationFn: async () => {
      const decision = `app/${code}`;
      const asked = { decision, plans: plansOf(draft, places, { nowMs: nowMs() }) };
      const [made] = await makeGrants(patient, asked, () => undefined);
      await answerApp(patient, entry, { code, grant: made?.grant ?? null });
      await endDecision(patient, decision);
    },
    onSuccess: () => leave(t('allowed', { app: app.clientName })),
  });
  const decline = useMutation({
    mutationFn: () => answerApp(patient, entry, { code, grant: null }),
    onSuccess: () => leave(t('declined', { app: app.clientName })),
  });
  const error = allow.error ?? decline.error;
  return (
    <Card withBorder padding="md" component="section" aria-labelledby="app">
      <Stack gap="sm">
        <Title order={2} size="h4" id="app">
          {t('asks', { app: app.clientName, place: terms.place(entry.organisation) })}
        </Title>
        <List size="sm">
          {app.scopes.map((scope) => (
            <List.Item key={scope}>
              <code dir="ltr">{scope}</code>
            </List.Item>
          ))}
        </List>
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {t('returns', { address: app.returnsTo })}
        </Text>
        <DraftFields draft={draft} categories={app.categories} places={places} onChange={setDraft} />
        <OpeningSummary plans={plans} places={places} />
        <Text size="sm">{t('revokeLater')}</Text>
        {fault === undefined ? null : (
          <Text c="red.9" role="status">
            {inAccess(`form.faults.${fault}`)}
          </Text>
        )}
        {error === null ? null : <Failure error={error} />}
        <Group>
          <Button
            onClick={() => allow.mutate()}
            disabled={!isReady || fault !== undefined || decline.isPending}
            loading={allow.isPending}
          >
            {t('allow')}
          </Button>
          <Button
            variant="default"
            onClick={() => decline.mutate()}
            disabled={allow.isPending}
            loading={decline.isPending}
          >
            {t('decline')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
