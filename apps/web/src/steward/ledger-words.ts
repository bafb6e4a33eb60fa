import type { IdentityFact } from '@salus/contracts';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../session/index.ts';
import { useTerms } from '../ui/terms.ts';
import { readFact, type ShownCall } from './steward-data.ts';

/** The characters of an id that people compare at a glance. */
const SHORT = 8;
export const shortId = (id: string): string => `${id.slice(0, SHORT)}…`;

/** What a transaction did, in words; its own name where there are none yet. */
export function useTransactionWords(): (call: Pick<ShownCall, 'call'>) => string {
  const { t, i18n } = useTranslation('steward');
  return ({ call: { payload } }) => {
    const key = `transactions.${payload.contract}.${payload.transaction}`;
    const name = `${payload.contract}.${payload.transaction}`;
    return i18n.exists(`steward:${key}`) ? (t as (key: string) => string)(key) : name;
  };
}

/** Who signed, as the ledger knows it: a role at an organisation, or a key of a pseudonym; never a name. */
export function useSignerWords(signer: string): string {
  const { t } = useTranslation('steward');
  const { list, place, role } = useTerms();
  const staff = useStaff();
  const [kind = '', subject = ''] = signer.split(':', 2);
  const id = subject.split('/', 1)[0] ?? '';
  const { data } = useQuery({
    queryKey: ['steward', 'identity', id],
    enabled: kind === 'id',
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => readFact<IdentityFact>(staff, `membership/identity/${id}`),
  });
  if (kind === 'pid') return t('ledger.by.device', { pid: shortId(id) });
  if (kind === 'recovery' || kind === 'claim') return t(`ledger.by.${kind}`, { pid: shortId(id) });
  if (data === undefined || data === null) return data === null ? t('ledger.by.unknown') : '…';
  const organisation = place(data.organisation);
  if (data.kind === 'node') return t('ledger.by.node', { organisation });
  if (data.kind !== 'staff') return t('ledger.by.client', { organisation });
  return t('ledger.by.member', { organisation, roles: list(data.roles.map(role)) });
}

/** The person for whom a node or client acted; undefined where it acted by itself. */
export function onBehalfOf({ call }: ShownCall): string | undefined {
  const user = call.payload.onBehalfOf?.payload?.user;
  return user === undefined ? undefined : `id:${user}`;
}
