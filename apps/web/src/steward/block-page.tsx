import { Anchor, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { useStaff } from '../session/index.ts';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { Code, Facts } from './facts.tsx';
import { ChainVerdict } from './ledger-page.tsx';
import { blockPath, callPath } from './ledger-search.ts';
import { useSignerWords, useTransactionWords } from './ledger-words.ts';
import classes from './steward.module.css';
import { ask, type ShownBlock, type ShownCall } from './steward-data.ts';
import { StewardPage } from './steward-frame.tsx';

interface Stretch {
  readonly height: number;
  readonly blocks: readonly ShownBlock[];
}

/** One block with its calls, checked against the block before. */
export function BlockPage() {
  const { number = '0' } = useParams();
  // A new block is a new page: its heading takes the focus.
  return <BlockOf key={number} number={Number(number)} />;
}

function BlockOf({ number }: { readonly number: number }) {
  const { t, i18n } = useTranslation('steward');
  const staff = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'block', staff.organisation, number],
    queryFn: () => {
      const from = Math.max(0, number - 1);
      return ask<Stretch>(staff, '/api/v1/ledger/blocks', { from, limit: number - from + 1 });
    },
  });
  const title = t('ledger.block', { number: new Intl.NumberFormat(i18n.language).format(number) });
  const block = data?.blocks.find(({ header }) => header.number === number);
  return (
    <StewardPage title={title} access="staff">
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null ? <Loading /> : null}
      {data !== undefined && block === undefined ? <Text>{t('ledger.absent')}</Text> : null}
      {data === undefined || block === undefined ? null : <Shown stretch={data} block={block} />}
    </StewardPage>
  );
}

function Shown({ stretch: { blocks, height }, block }: { readonly stretch: Stretch; readonly block: ShownBlock }) {
  const { t } = useTranslation('steward');
  const { header, hash, transactions } = block;
  return (
    <Stack>
      <Group component="nav" aria-label={t('ledger.blocks')}>
        {header.number === 0 ? null : (
          <Anchor component={Link} to={blockPath(header.number - 1)}>
            {t('ledger.previous')}
          </Anchor>
        )}
        {header.number >= height ? null : (
          <Anchor component={Link} to={blockPath(header.number + 1)}>
            {t('ledger.next')}
          </Anchor>
        )}
      </Group>
      <ChainVerdict blocks={blocks} />
      <Card withBorder component="section" aria-labelledby="header">
        <Title order={2} size="h3" id="header" mb="xs">
          {t('ledger.header')}
        </Title>
        <Facts
          facts={[
            [t('ledger.written'), <DateText key="written" value={header.timestampMs} withTime />],
            [t('hash'), <Code key="hash">{hash}</Code>],
            [t('ledger.previous'), <Code key="previous">{header.previousHash}</Code>],
          ]}
        />
      </Card>
      <section aria-labelledby="calls">
        <Title order={2} size="h3" id="calls" mb="xs">
          {header.count === 0 ? t('ledger.noCalls') : t('ledger.calls', { count: header.count })}
        </Title>
        <ol className={classes.rows}>
          {transactions.map((call) => (
            <CallRow key={call.callId} call={call} />
          ))}
        </ol>
      </section>
    </Stack>
  );
}

function CallRow({ call }: { readonly call: ShownCall }) {
  const wordsOf = useTransactionWords();
  const signer = useSignerWords(call.call.payload.signer);
  return (
    <li>
      <Anchor component={Link} to={callPath(call.callId)}>
        {wordsOf(call)}
      </Anchor>
      <Text size="sm">
        {signer} · <Outcome call={call} />
      </Text>
    </li>
  );
}

export function Outcome({ call: { outcome } }: { readonly call: ShownCall }) {
  const { t } = useTranslation('steward');
  if (outcome.kind === 'refused') return <>{t('ledger.refused', { code: outcome.code })}</>;
  return <>{t(`ledger.${outcome.kind}`)}</>;
}
