import { Anchor, Card, Stack, Text, Title } from '@mantine/core';
import type { Json } from '@salus/contracts';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { useStaff } from '../session/index.ts';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { Code, JsonText } from './facts.tsx';
import { callPath, factPath, kindOfKey, prefixesOf } from './ledger-search.ts';
import { useSignerWords, useTransactionWords } from './ledger-words.ts';
import classes from './steward.module.css';
import { ask, type Entry, readEntries, readFact, type ShownCall } from './steward-data.ts';
import { StewardPage } from './steward-frame.tsx';

const VERSIONS_MAX = 50;
const ENTRIES_MAX = 50;

interface Version {
  readonly block: number;
  readonly index: number;
  readonly timestampMs: number;
  readonly callId: string;
  readonly value: Json | null;
}

/** One fact: what it is now, every value that it had, and by whose signature. */
export function FactPage() {
  const { t } = useTranslation('steward');
  const { key = '' } = useParams();
  const staff = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'fact', key],
    queryFn: async () => {
      const now = await readFact<Json>(staff, key);
      const history = { key, limit: VERSIONS_MAX };
      const { versions } = await ask<{ versions: readonly Version[] }>(staff, '/api/v1/ledger/history', history);
      return { now, versions };
    },
  });
  const kind = kindOfKey(key);
  const title = kind === undefined ? t('ledger.fact') : t(`ledger.factKind.${kind}`);
  return (
    <StewardPage title={title} lead={t('ledger.factLead')} access="staff">
      <Code>{key}</Code>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null ? <Loading /> : null}
      {data === undefined ? null : <Shown now={data.now} versions={data.versions} />}
    </StewardPage>
  );
}

function Shown({ now, versions }: { readonly now: Json | null; readonly versions: readonly Version[] }) {
  const { t } = useTranslation('steward');
  return (
    <Stack>
      <section aria-labelledby="now">
        <Title order={2} size="h3" id="now" mb="xs">
          {t('ledger.now')}
        </Title>
        {now === null ? <Text>{t('ledger.absent')}</Text> : <JsonText value={now} label={t('ledger.now')} />}
      </section>
      <section aria-labelledby="history">
        <Title order={2} size="h3" id="history" mb="xs">
          {t('ledger.history')}
        </Title>
        {versions.length === 0 ? <Text>{t('ledger.noHistory')}</Text> : null}
        <ol className={classes.rows} reversed>
          {versions.map((version) => (
            <VersionRow key={version.callId} version={version} />
          ))}
        </ol>
      </section>
    </Stack>
  );
}

/** A value that the fact had, with the call that wrote it. */
function VersionRow({ version: { callId, timestampMs, value } }: { readonly version: Version }) {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  const wordsOf = useTransactionWords();
  const { data } = useQuery({
    queryKey: ['steward', 'call', callId],
    queryFn: () => ask<{ transaction: ShownCall }>(staff, `/api/v1/ledger/transactions/${encodeURIComponent(callId)}`),
  });
  return (
    <li>
      <Text size="sm">
        <DateText value={timestampMs} withTime />
        {' · '}
        <Anchor component={Link} to={callPath(callId)}>
          {data === undefined ? t('ledger.call') : wordsOf(data.transaction)}
        </Anchor>
        {data === undefined ? null : <By signer={data.transaction.call.payload.signer} />}
      </Text>
      {value === null ? <Text size="sm">{t('ledger.deleted')}</Text> : <Code>{JSON.stringify(value)}</Code>}
    </li>
  );
}

function By({ signer }: { readonly signer: string }) {
  return <> · {useSignerWords(signer)}</>;
}

/** Everything below one id: a person, a patient's pseudonym with devices and grants, a key of records. */
export function SubjectPage() {
  const { t } = useTranslation('steward');
  const { id = '' } = useParams();
  const staff = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'subject', id],
    queryFn: async () => {
      const found = await Promise.all(prefixesOf(id).map((prefix) => readEntries(staff, prefix, ENTRIES_MAX)));
      return found.flat();
    },
  });
  return (
    <StewardPage title={t('ledger.subject')} lead={t('ledger.subjectLead')} access="staff">
      <Code>{id}</Code>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null ? <Loading /> : null}
      {data?.length === 0 ? <Text>{t('ledger.subjectNothing')}</Text> : null}
      {data === undefined ? null : <Entries entries={data} />}
    </StewardPage>
  );
}

function Entries({ entries }: { readonly entries: readonly Entry[] }) {
  const { t } = useTranslation('steward');
  return (
    <Stack>
      {entries.map(({ key, value }) => {
        const kind = kindOfKey(key);
        return (
          <Card withBorder key={key}>
            <Text fw={600}>{kind === undefined ? t('ledger.fact') : t(`ledger.factKind.${kind}`)}</Text>
            <Anchor component={Link} to={factPath(key)}>
              <Code>{key}</Code>
            </Anchor>
            <JsonText value={value} label={key} />
          </Card>
        );
      })}
    </Stack>
  );
}
