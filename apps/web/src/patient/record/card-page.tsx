import { Badge, Card, Stack, Text, Title } from '@mantine/core';
import { type HeldGrant, listGrants, submitCall } from '@salus/client';
import { type EmergencyCard, type PidEntry, revoke, withRevoked } from '@salus/wallet';
import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type PatientSession, usePatient, useSession } from '../../session/index.ts';
import { ConfirmButton } from '../../ui/confirm-button.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { CardForm } from './card-form.tsx';
import { PrintedCard } from './printed-card.tsx';
import { RecordState } from './record-state.tsx';

export function Component() {
  const { t } = useTranslation('record');
  const [card, setCard] = useState<EmergencyCard>();
  return (
    <Page title={t('views.card')} lead={t('card.lead')}>
      {card === undefined ? (
        <RecordState isWhole>{(entries) => <CardForm entries={entries} onMade={setCard} />}</RecordState>
      ) : (
        <PrintedCard card={card} onDone={() => setCard(undefined)} />
      )}
      <MadeCards />
    </Page>
  );
}

interface CardAt {
  readonly entry: PidEntry;
  readonly held: HeldGrant;
}

function MadeCards() {
  const { t } = useTranslation('record');
  const patient = usePatient();
  const id = useId();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['grant', 'cards', patient.pids.map(({ pid }) => pid)],
    queryFn: async (): Promise<readonly CardAt[]> => {
      const perPid = await Promise.all(
        patient.pids.map(async (entry) =>
          (await listGrants(await patient.at(entry.pid))).grants.map((held) => ({ entry, held })),
        ),
      );
      return perPid.flat().filter(({ held }) => held.fact.kind === 'card');
    },
  });
  return (
    <Stack component="section" aria-labelledby={id} gap="sm" className="no-print">
      <Title order={2} size="h3" id={id}>
        {t('card.list')}
      </Title>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 ? <Text>{t('card.none')}</Text> : null}
      {data?.map((one) => (
        <MadeCard key={one.held.grant} {...one} onChange={() => void refetch()} />
      ))}
    </Stack>
  );
}

const COLOURS = { active: 'green', expired: 'gray', revoked: 'gray' } as const;

function MadeCard({ entry, held, onChange }: CardAt & { readonly onChange: () => void }) {
  const { t } = useTranslation('record');
  const { category, list, place, date } = useTerms();
  const { nowMs } = useSession();
  const patient = usePatient();
  const terms = held.terms ?? patient.wallet.content.grants.find((one) => one.terms.grant === held.grant)?.terms;
  const state = stateOf(held, terms?.notAfterMs, nowMs());
  return (
    <Card withBorder padding="md">
      <Stack gap="xs" align="flex-start">
        <Badge variant="outline" color={COLOURS[state]}>
          {t(`card.state.${state}`)}
        </Badge>
        <Text>{place(entry.organisation)}</Text>
        {terms === undefined ? null : (
          <>
            <Text size="sm">{t('card.opens', { categories: list(terms.categories.map(category)) })}</Text>
            <Text size="sm">{t('card.until', { date: date(terms.notAfterMs) })}</Text>
          </>
        )}
        {state === 'active' ? (
          <ConfirmButton
            label={t('card.revoke')}
            question={t('card.revokeQuestion')}
            consequence={t('card.revokeText')}
            color="red"
            variant="outline"
            onConfirm={async () => {
              await block(patient, entry, held.grant);
              onChange();
            }}
          />
        ) : null}
      </Stack>
    </Card>
  );
}

function stateOf({ fact }: HeldGrant, notAfterMs: number | undefined, nowMs: number): keyof typeof COLOURS {
  if (fact.status === 'revoked') return 'revoked';
  return fact.status === 'active' && (notAfterMs === undefined || nowMs <= notAfterMs) ? 'active' : 'expired';
}

async function block(patient: PatientSession, { pid, organisation }: PidEntry, grant: string): Promise<void> {
  const { api } = await patient.at(pid);
  const occasion = patient.occasion();
  const prepared = await revoke(patient.wallet, occasion, { pid, grant });
  await submitCall(api, organisation, prepared);
  const { nowMs } = occasion;
  await patient.change((kept) => ({ ...kept, content: withRevoked(kept.content, grant, nowMs) }));
}
