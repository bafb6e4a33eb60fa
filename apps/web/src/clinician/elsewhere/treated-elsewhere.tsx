import { ScrollArea, Stack, Table } from '@mantine/core';
import type { UsableGrant } from '@salus/client';
import type { Purpose } from '@salus/contracts';
import { locateRequest } from '@salus/wallet';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { type StaffSession, useStaff } from '../../session/index.ts';
import { DateText } from '../../ui/date-text.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { useTerms } from '../../ui/terms.ts';

interface Place {
  readonly organisation: string;
  readonly pid: string;
  readonly categories: readonly string[];
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/** Where else the patient was treated, as the patient's own sealed list says: places, kinds and dates, no contents. */
export function TreatedElsewhere({ grant }: { readonly grant: UsableGrant }) {
  const { t } = useTranslation('clinician');
  const terms = useTerms();
  const staff = useStaff();
  const places = useQuery({
    queryKey: ['grant', 'places', staff.id, grant.terms.grant],
    queryFn: () => readPlaces(staff, grant),
    // Each look is a use of the grant, and stands in the patient's log.
    staleTime: Infinity,
  });
  if (places.isPending) return <Loading />;
  if (places.isError) return <Failure error={places.error} onRetry={() => void places.refetch()} />;
  if (places.data.length === 0) return <Empty text={t('elsewhere.nowhere')} />;
  return (
    <Stack>
      <ScrollArea type="auto" viewportProps={{ tabIndex: 0 }}>
        <Table aria-label={t('elsewhere.treated')} className="chart-table">
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t('elsewhere.place')}</Table.Th>
              <Table.Th scope="col">{t('elsewhere.kinds')}</Table.Th>
              <Table.Th scope="col">{t('elsewhere.dates')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {places.data.map(({ organisation, pid, categories, fromMs, toMs }) => (
              <Table.Tr key={pid}>
                <Table.Td>{terms.place(organisation)}</Table.Td>
                <Table.Td>{terms.list(categories.map(terms.category))}</Table.Td>
                <Table.Td>
                  {fromMs === null ? '–' : <DateText value={fromMs} />}
                  {toMs === null || toMs === fromMs ? null : (
                    <>
                      {' – '}
                      <DateText value={toMs} />
                    </>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea>
    </Stack>
  );
}

async function readPlaces(
  staff: StaffSession,
  { terms, salt, authorOrganisation }: UsableGrant,
): Promise<readonly Place[]> {
  const { wallet, occasion, session } = staff.atWork();
  const [purpose = 'TREAT' as Purpose] = terms.purposes;
  const { call, chain } = await locateRequest(wallet, occasion, { token: terms, purpose });
  const { places } = await session.api.send<{ readonly places: readonly Place[] }>({
    method: 'POST',
    path: `/api/v1/orgs/${staff.organisation}/places`,
    body: { author: authorOrganisation, call, chain, token: { terms, salt } },
    token: session.token,
    repeatable: true,
  });
  return places;
}
