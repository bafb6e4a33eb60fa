import { Alert, Button, Card, Group, Progress, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../session/index.ts';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { useTerms } from '../ui/terms.ts';
import { Code } from './facts.tsx';
import { ask, ownPath, tell } from './steward-data.ts';

const LOOK_AGAIN_MS = 500;

interface CheckReport {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly blocks: number;
  readonly transactions: number;
  readonly signatures: number;
  readonly versions: number;
  readonly checkpoints: number;
  readonly findingsTotal: number;
  readonly findings: readonly { readonly code: string; readonly message: string; readonly block: number | null }[];
}

interface Check {
  readonly offered: boolean;
  readonly state: 'never' | 'running' | 'done' | 'failed';
  readonly block?: number;
  readonly head?: number;
  readonly report?: CheckReport;
}

/** Verifies the running node's ledger and shows what was found. */
export function CheckSection() {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  const queries = useQueryClient();
  const queryKey = ['steward', 'check', staff.organisation];
  const { data, error, refetch } = useQuery({
    queryKey,
    queryFn: () => ask<Check>(staff, ownPath(staff, 'ledger-check')),
    refetchInterval: ({ state }) => (state.data?.state === 'running' ? LOOK_AGAIN_MS : false),
  });
  const begin = useMutation({
    mutationFn: () => tell<Check>(staff, 'POST', 'ledger-check'),
    onSuccess: (begun) => queries.setQueryData(queryKey, begun),
  });
  return (
    <Card withBorder component="section" aria-labelledby="check">
      <Stack gap="sm">
        <Title order={2} size="h3" id="check">
          {t('safety.check')}
        </Title>
        {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
        {begin.error === null ? null : <Failure error={begin.error} />}
        {data === undefined && error === null ? <Loading /> : null}
        {data?.offered === false ? <Text>{t('safety.checkOngoing')}</Text> : null}
        {data?.offered === true ? (
          <>
            <Text>{t('safety.checkText')}</Text>
            <Group>
              <Button onClick={() => begin.mutate()} loading={begin.isPending} disabled={data.state === 'running'}>
                {t('safety.begin')}
              </Button>
            </Group>
            <div aria-live="polite">
              <CheckState check={data} />
            </div>
          </>
        ) : null}
      </Stack>
    </Card>
  );
}

function CheckState({ check }: { readonly check: Check }) {
  const { t, i18n } = useTranslation('steward');
  const number = new Intl.NumberFormat(i18n.language);
  const { state, block = 0, head = 0, report } = check;
  if (state === 'never') return <Text>{t('safety.never')}</Text>;
  if (state === 'failed') return <Failure error={undefined} text={t('safety.failed')} />;
  if (state === 'done' && report !== undefined) return <Report report={report} />;
  const place = { block: number.format(block), head: number.format(head) };
  const words = head === 0 ? t('safety.starting') : t('safety.running', place);
  return (
    <Stack gap={4}>
      <Text>{words}</Text>
      <Progress value={head === 0 ? 0 : (100 * block) / head} aria-label={t('safety.check')} />
    </Stack>
  );
}

function Report({ report }: { readonly report: CheckReport }) {
  const { t, i18n } = useTranslation('steward');
  const { moment } = useTerms();
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  const sound = report.findingsTotal === 0;
  const counts = {
    blocks: number.format(report.blocks),
    calls: number.format(report.transactions),
    signatures: number.format(report.signatures),
    versions: number.format(report.versions),
    checkpoints: number.format(report.checkpoints),
    seconds: number.format((report.endedMs - report.startedMs) / 1_000),
  };
  return (
    <Alert
      color={sound ? 'green' : 'red'}
      variant="outline"
      title={sound ? t('safety.sound') : t('safety.findings', { count: report.findingsTotal })}
    >
      <Stack gap="xs">
        <Text size="sm">{t('safety.when', { when: moment(report.endedMs) })}</Text>
        <Text size="sm">{t('safety.counts', counts)}</Text>
        {report.checkpoints === 0 ? <Text size="sm">{t('safety.noCheckpoints')}</Text> : null}
        {sound ? null : <Findings report={report} />}
      </Stack>
    </Alert>
  );
}

function Findings({ report: { findings } }: { readonly report: CheckReport }) {
  const { t } = useTranslation('steward');
  return (
    <Table>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t('safety.findingBlock')}</Table.Th>
          <Table.Th>{t('safety.finding')}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {findings.map(({ block, code, message }) => (
          <Table.Tr key={`${block ?? ''} ${code} ${message}`}>
            <Table.Td>{block ?? ''}</Table.Td>
            <Table.Td>
              {message} <Code>{code}</Code>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
