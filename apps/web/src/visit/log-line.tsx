import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { usePatient } from '../session/index.ts';
import type { Way } from './visit-api.ts';

const LINES_MAX = 200;

interface LoggedLine {
  readonly seq: number;
  readonly proof: object | null;
  readonly event: {
    readonly kind: string;
    readonly outcome: string;
    readonly exchange?: { readonly delivery?: string };
  };
}

/** Where a hand-over stands in the patient's own log, and whether a root on the ledger covers that line. */
export function LogLine({ way }: { readonly way: Way }) {
  const { t } = useTranslation('visit');
  const patient = usePatient();
  const entry = patient.pids.find(({ organisation }) => organisation === way.from);
  const { data } = useQuery({
    queryKey: ['access', 'hand-overs', entry?.pid],
    enabled: entry !== undefined,
    queryFn: async () => {
      const { api, organisation, token } = await patient.at(entry?.pid ?? '');
      const path = `/api/v1/orgs/${organisation}/patient/audit`;
      return api.send<{ lines: readonly LoggedLine[] }>({ method: 'GET', path, query: { limit: LINES_MAX }, token });
    },
  });
  const line = data?.lines.find(
    ({ event }) => event.kind === 'delivery' && event.outcome === 'ok' && event.exchange?.delivery === way.delivery,
  );
  if (line === undefined) return null;
  return (
    <Text size="sm" data-line={line.seq}>
      {t(line.proof === null ? 'way.lineOnly' : 'way.line', { line: line.seq })}
    </Text>
  );
}
