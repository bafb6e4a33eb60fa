import { Alert, Anchor, Button, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type SyntheticEvent, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { useStaff } from '../session/index.ts';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { findChainFault } from './block-check.ts';
import { blockPath, placeOf } from './ledger-search.ts';
import { useTransactionWords } from './ledger-words.ts';
import classes from './steward.module.css';
import { ask, type ShownBlock } from './steward-data.ts';
import { StewardPage } from './steward-frame.tsx';

const PAGE = 15;
/** Kinds of calls that a row of the list names. */
const NAMED_MAX = 3;

interface Blocks {
  readonly height: number;
  readonly blocks: readonly ShownBlock[];
}

/** The explorer's first page: what to look for, and the newest blocks. */
export function LedgerPage() {
  const { t } = useTranslation('steward');
  return (
    <StewardPage title={t('sections.ledger')} lead={t('ledger.lead')} access="staff">
      <Search />
      <BlockList />
    </StewardPage>
  );
}

function Search() {
  const { t } = useTranslation('steward');
  const navigate = useNavigate();
  const [typed, setTyped] = useState('');
  const [wrong, setWrong] = useState(false);
  const search = (event: SyntheticEvent): void => {
    event.preventDefault();
    const place = placeOf(typed);
    setWrong(place === undefined);
    if (place !== undefined) void navigate(place);
  };
  return (
    <form onSubmit={search}>
      <Group align="flex-end" gap="xs">
        <TextInput
          style={{ flex: '1 1 16rem' }}
          label={t('ledger.search')}
          value={typed}
          maxLength={512}
          error={wrong ? t('ledger.nowhere') : undefined}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Button type="submit">{t('ledger.go')}</Button>
      </Group>
    </form>
  );
}

function BlockList() {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  /** The newest block of the shown page; undefined follows the ledger. */
  const [newest, setNewest] = useState<number>();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'blocks', staff.organisation, newest ?? 'newest'],
    placeholderData: keepPreviousData,
    queryFn: async (): Promise<Blocks> => {
      const from = Math.max(0, (newest ?? (await readHeight())) - PAGE + 1);
      return ask<Blocks>(staff, '/api/v1/ledger/blocks', { from, limit: PAGE });
    },
  });
  const readHeight = async (): Promise<number> =>
    (await ask<Blocks>(staff, '/api/v1/ledger/blocks', { from: 0, limit: 1 })).height;
  if (error !== null) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading />;
  const { blocks, height } = data;
  const first = blocks[0]?.header.number ?? 0;
  const last = blocks.at(-1)?.header.number ?? 0;
  return (
    <section aria-labelledby="blocks">
      <Stack gap="sm">
        <Title order={2} size="h3" id="blocks">
          {t('ledger.blocks')}
        </Title>
        <ChainVerdict blocks={blocks} />
        <ol className={classes.rows} reversed>
          {blocks.toReversed().map((block) => (
            <BlockRow key={block.header.number} block={block} />
          ))}
        </ol>
        <Group>
          <Button
            variant="default"
            disabled={last >= height}
            onClick={() => setNewest(last + PAGE >= height ? undefined : last + PAGE)}
          >
            {t('ledger.newer')}
          </Button>
          <Button variant="default" disabled={first === 0} onClick={() => setNewest(first - 1)}>
            {t('ledger.older')}
          </Button>
        </Group>
      </Stack>
    </section>
  );
}

/** What this device found when it checked the shown blocks itself. */
export function ChainVerdict({ blocks }: { readonly blocks: readonly ShownBlock[] }) {
  const { t } = useTranslation('steward');
  const fault = useMemo(() => findChainFault(blocks), [blocks]);
  const isFabric = blocks[0]?.header.version === 'salus:fabric-block:v1';
  const sound = t(isFabric ? 'ledger.checkedFabric' : 'ledger.checked');
  return (
    <Alert color={fault === null ? 'green' : 'red'} variant="outline" role="status">
      <Text size="sm">{fault === null ? sound : t('ledger.broken', { problem: fault })}</Text>
    </Alert>
  );
}

function BlockRow({ block: { header, transactions } }: { readonly block: ShownBlock }) {
  const { t, i18n } = useTranslation('steward');
  const wordsOf = useTransactionWords();
  const kinds = [...new Set(transactions.map(wordsOf))];
  const shown = kinds.slice(0, NAMED_MAX).join(' · ');
  const number = new Intl.NumberFormat(i18n.language).format(header.number);
  return (
    <li>
      <Group justify="space-between" gap="xs">
        <Anchor component={Link} to={blockPath(header.number)}>
          {t('ledger.block', { number })}
        </Anchor>
        <Text size="sm">
          <DateText value={header.timestampMs} withTime />
        </Text>
      </Group>
      <Text size="sm">
        {header.count === 0 ? t('ledger.noCalls') : t('ledger.calls', { count: header.count })}
        {shown === '' ? '' : `: ${shown}${kinds.length > NAMED_MAX ? ' …' : ''}`}
      </Text>
    </li>
  );
}
