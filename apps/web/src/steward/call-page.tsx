import { Alert, Anchor, Card, Stack, Text, Title } from '@mantine/core';
import { checkTransaction, type ProvenTransaction } from '@salus/client';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { useStaff } from '../session/index.ts';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { Outcome } from './block-page.tsx';
import { Code, Facts, JsonText } from './facts.tsx';
import { blockPath, factPath } from './ledger-search.ts';
import { onBehalfOf, useSignerWords, useTransactionWords } from './ledger-words.ts';
import classes from './steward.module.css';
import { ask, type ShownCall } from './steward-data.ts';
import { StewardPage } from './steward-frame.tsx';

type Proven = ProvenTransaction & { readonly transaction: ShownCall };

/** One call: who signed what, what it changed, and the proof that its block holds it. */
export function CallPage() {
  const { t } = useTranslation('steward');
  const { callId = '' } = useParams();
  const staff = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'call', callId],
    queryFn: () => ask<Proven>(staff, `/api/v1/ledger/transactions/${encodeURIComponent(callId)}`),
  });
  return (
    <StewardPage title={t('ledger.call')} lead={t('ledger.callLead')} access="staff">
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null ? <Loading /> : null}
      {data === undefined ? null : <Shown proven={data} />}
    </StewardPage>
  );
}

function Shown({ proven }: { readonly proven: Proven }) {
  const { t, i18n } = useTranslation('steward');
  const { transaction } = proven;
  const { payload } = transaction.call;
  const wordsOf = useTransactionWords();
  const number = new Intl.NumberFormat(i18n.language);
  const place = { block: number.format(transaction.block), index: number.format(transaction.index) };
  const user = onBehalfOf(transaction);
  return (
    <Stack>
      <ProofVerdict proven={proven} />
      <Card withBorder>
        <Facts
          facts={[
            [t('ledger.what'), `${wordsOf(transaction)} (${payload.contract}.${payload.transaction})`],
            [t('ledger.signer'), <Signer key="signer" signer={payload.signer} />],
            ...(user === undefined ? [] : ([[t('ledger.onBehalf'), <Signer key="user" signer={user} />]] as const)),
            [t('ledger.outcome'), <Outcome key="outcome" call={transaction} />],
            [t('ledger.written'), <DateText key="written" value={transaction.timestampMs} withTime />],
            [
              t('ledger.place'),
              <Anchor key="place" component={Link} to={blockPath(transaction.block)}>
                {t('ledger.placeText', place)}
              </Anchor>,
            ],
            [t('id'), <Code key="id">{transaction.callId}</Code>],
          ]}
        />
      </Card>
      <Writes call={transaction} />
      <section aria-labelledby="content">
        <Title order={2} size="h3" id="content" mb="xs">
          {t('ledger.content')}
        </Title>
        <JsonText value={payload} label={t('ledger.content')} />
      </section>
    </Stack>
  );
}

function Signer({ signer }: { readonly signer: string }) {
  const words = useSignerWords(signer);
  return (
    <>
      {words} <Code>{signer}</Code>
    </>
  );
}

function ProofVerdict({ proven }: { readonly proven: Proven }) {
  const { t } = useTranslation('steward');
  const fault = findFault(proven);
  const { index, size } = proven.inclusion;
  return (
    <Alert color={fault === null ? 'green' : 'red'} variant="outline" role="status">
      <Text size="sm">
        {fault === null ? t('ledger.proven', { index: index + 1, size }) : t('ledger.notProven', { problem: fault })}
      </Text>
    </Alert>
  );
}

function findFault(proven: ProvenTransaction): string | null {
  try {
    checkTransaction(proven);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function Writes({ call: { outcome } }: { readonly call: ShownCall }) {
  const { t } = useTranslation('steward');
  const keys = outcome.kind === 'committed' ? outcome.writes.map(([key]) => key) : [];
  const listed = outcome.kind === 'distrusted' ? outcome.keys : keys;
  return (
    <section aria-labelledby="writes">
      <Title order={2} size="h3" id="writes" mb="xs">
        {t('ledger.writes')}
      </Title>
      {listed.length === 0 ? <Text>{t('ledger.noWrites')}</Text> : null}
      <ul className={classes.rows}>
        {listed.map((key) => (
          <li key={key}>
            <Anchor component={Link} to={factPath(key)}>
              <Code>{key}</Code>
            </Anchor>
          </li>
        ))}
      </ul>
    </section>
  );
}
