import { Alert, Card, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../session/index.ts';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { useTerms } from '../ui/terms.ts';
import { Code, Facts } from './facts.tsx';
import { bytesText } from './sizes.ts';
import { ask, ownPath } from './steward-data.ts';
import { StewardPage } from './steward-frame.tsx';

const LOOK_AGAIN_MS = 10_000;

interface NodeState {
  readonly startedMs: number;
  readonly demonstration: boolean;
  readonly engine: 'embedded' | 'fabric';
  readonly contracts: { readonly version: string; readonly bundleHash: string } | null;
  readonly database: 'sqlite' | 'postgresql';
  readonly objects: 'files' | 's3';
  readonly hosted: readonly string[];
  readonly height: number;
  readonly headMs: number;
  readonly checkpoint: { readonly number: number; readonly hash: string; readonly organisations: readonly string[] };
  readonly releasing: boolean;
  readonly alarms: number;
  readonly sessions: number;
  readonly memory: { readonly usedBytes: number };
  readonly disk: { readonly freeBytes: number; readonly sizeBytes: number };
  readonly runtime: string;
}

/** Health of this node, the engine in use and its alarms. */
export function NodePage() {
  const { t } = useTranslation('steward');
  return (
    <StewardPage title={t('sections.node')} lead={t('node.lead')} access="steward">
      <NodeHealth />
      <Alarms />
    </StewardPage>
  );
}

function NodeHealth() {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'node', staff.organisation],
    queryFn: () => ask<NodeState>(staff, ownPath(staff, 'node')),
    refetchInterval: LOOK_AGAIN_MS,
  });
  if (error !== null) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading />;
  const serving = data.releasing && data.alarms === 0;
  return (
    <Stack>
      <Alert color={serving ? 'green' : 'red'} variant="outline" role="status">
        <Text>{t(data.alarms > 0 ? 'node.alarmed' : data.releasing ? 'node.serving' : 'node.notReleasing')}</Text>
      </Alert>
      {data.demonstration ? <Text>{t('node.demonstration')}</Text> : null}
      <Card withBorder>
        <NodeFacts state={data} />
      </Card>
    </Stack>
  );
}

function NodeFacts({ state }: { readonly state: NodeState }) {
  const { t, i18n } = useTranslation('steward');
  const { list, place } = useTerms();
  const number = new Intl.NumberFormat(i18n.language);
  const { checkpoint, contracts, disk } = state;
  const size = (bytes: number): string => bytesText(bytes, i18n.language);
  const checkpointText = {
    number: number.format(checkpoint.number),
    organisations: list(checkpoint.organisations.map(place)),
  };
  return (
    <Facts
      facts={[
        [t('node.engine'), t(`node.${state.engine}`)],
        [t('node.height'), number.format(state.height)],
        [t('node.head'), <DateText key="head" value={state.headMs} withTime />],
        [t('node.checkpoint'), t('node.checkpointText', checkpointText)],
        ...(contracts === null
          ? []
          : ([
              [t('node.contracts'), t('node.contractsVersion', { version: contracts.version })],
              [t('node.bundle'), <Code key="bundle">{contracts.bundleHash}</Code>],
            ] as const)),
        [t('node.database'), t(`node.${state.database}`)],
        [t('node.objects'), t(`node.${state.objects}`)],
        [t('node.hosted'), list(state.hosted.map(place))],
        [t('node.sessions'), number.format(state.sessions)],
        [t('node.memory'), size(state.memory.usedBytes)],
        [t('node.disk'), t('node.diskText', { free: size(disk.freeBytes), size: size(disk.sizeBytes) })],
        [t('node.started'), <DateText key="started" value={state.startedMs} withTime />],
        [t('node.runtime'), state.runtime],
      ]}
    />
  );
}

interface Alarm {
  readonly block: number;
  readonly transaction: string | null;
  readonly code: string;
  readonly keys: readonly string[];
  readonly detail: string;
}

function Alarms() {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'alarms', staff.organisation],
    queryFn: () => ask<{ alarms: readonly Alarm[] }>(staff, ownPath(staff, 'alarms')),
    refetchInterval: LOOK_AGAIN_MS,
  });
  return (
    <section aria-labelledby="alarms">
      <Title order={2} size="h3" id="alarms" mb="xs">
        {t('node.alarms')}
      </Title>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data?.alarms.length === 0 ? <Text>{t('node.noAlarms')}</Text> : null}
      {data === undefined || data.alarms.length === 0 ? null : <AlarmTable alarms={data.alarms} />}
    </section>
  );
}

function AlarmTable({ alarms }: { readonly alarms: readonly Alarm[] }) {
  const { t } = useTranslation('steward');
  return (
    <>
      <Text mb="xs">{t('node.alarmsText')}</Text>
      <Table.ScrollContainer minWidth={480}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('node.alarmBlock')}</Table.Th>
              <Table.Th>{t('node.alarmCode')}</Table.Th>
              <Table.Th>{t('node.alarmKeys')}</Table.Th>
              <Table.Th>{t('node.alarmDetail')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {alarms.map(({ block, transaction, code, keys, detail }) => (
              <Table.Tr key={`${block} ${transaction ?? ''} ${code}`}>
                <Table.Td>{block}</Table.Td>
                <Table.Td>
                  <Code>{code}</Code>
                </Table.Td>
                <Table.Td>{keys.length}</Table.Td>
                <Table.Td>{detail}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}
