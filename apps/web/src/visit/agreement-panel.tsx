import { Alert, Button, Card, Group, Radio, Stack, Text, Title } from '@mantine/core';
import type { PidEntry } from '@salus/wallet';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type RecordsAt, useRecordsAt } from '../patient/access/access-queries.ts';
import { endDecision } from '../patient/access/grant-once.ts';
import { countOpened } from '../patient/access/opening.ts';
import { usePatient } from '../session/index.ts';
import { Failure } from '../ui/failure.tsx';
import { useTerms } from '../ui/terms.ts';
import { AGREED_DAYS, type AgreementPlan, grantsOf, signAgreement, type Work } from './agree.ts';
import { type OwnVisits, usePatientAct } from './use-visits.ts';
import type { Agreement, OwnVisit } from './visit-api.ts';

const WORKS: readonly Work[] = ['laboratory', 'pharmacy'];
const NOBODY = '';
const DAY_MS = 86_400_000;

/** The patient chooses who may work for the visit, sees what that opens, and signs on this device. */
export function AgreementPanel({ visit, places }: { readonly visit: OwnVisit; readonly places: OwnVisits['places'] }) {
  const { t } = useTranslation('visit');
  const { plans, choose, chosen, home, optionsOf } = usePlans(visit, places);
  const opening = useOpening(plans);
  const { busy, done, error, sign } = useSigning(visit, plans);
  if (home === undefined) return null;
  return (
    <Card withBorder component="section" aria-labelledby="agree">
      <Stack>
        <Title order={2} size="h3" id="agree">
          {t('agree.title')}
        </Title>
        <Text>{t('agree.lead')}</Text>
        {WORKS.every((work) => optionsOf(work).length === 0) ? <Text>{t('agree.notKnown')}</Text> : null}
        {WORKS.filter((work) => optionsOf(work).length > 0).map((work) => (
          <WorkChoice
            key={work}
            work={work}
            options={optionsOf(work)}
            chosen={chosen[work]}
            onChoose={(organisation) => choose(work, organisation)}
          />
        ))}
        <Opens plans={plans} opening={opening} />
        {error === undefined ? null : <Failure error={error} />}
        <Group>
          <Button onClick={sign} loading={busy} disabled={opening.count === undefined}>
            {t('agree.sign')}
          </Button>
          <Text role="status">{busy ? t('agree.signing', { done, total: plans.length * 2 }) : ''}</Text>
        </Group>
      </Stack>
    </Card>
  );
}

function usePlans(visit: OwnVisit, places: OwnVisits['places']) {
  const home = places.find(({ entry }) => entry.organisation === visit.provider)?.entry;
  const optionsOf = (work: Work): readonly PidEntry[] =>
    places
      .filter(({ entry, offers }) => offers.includes(work) && entry.organisation !== visit.provider)
      .map(({ entry }) => entry);
  const first = (work: Work): string => optionsOf(work)[0]?.organisation ?? NOBODY;
  const [chosen, setChosen] = useState<Readonly<Record<Work, string>>>(() => ({
    laboratory: first('laboratory'),
    pharmacy: first('pharmacy'),
  }));
  const plans = WORKS.flatMap((work): AgreementPlan[] => {
    const there = optionsOf(work).find(({ organisation }) => organisation === chosen[work]);
    return home === undefined || there === undefined ? [] : [{ work, home, there }];
  });
  const choose = (work: Work, organisation: string): void => setChosen((known) => ({ ...known, [work]: organisation }));
  return { plans, choose, chosen, home, optionsOf };
}

function useSigning(visit: OwnVisit, plans: readonly AgreementPlan[]) {
  const patient = usePatient();
  const acting = usePatientAct(visit);
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(0);
  const [error, setError] = useState<unknown>();
  // What was signed before something failed is not signed again.
  const [signed, setSigned] = useState<Readonly<Record<string, Agreement>>>({});
  const signAll = async (): Promise<void> => {
    const made: Record<string, Agreement> = { ...signed };
    const decision = `visit/${visit.provider}/${visit.visit}`;
    for (const plan of plans) {
      const name = `${plan.work}/${plan.there.organisation}`;
      made[name] ??= await signAgreement(patient, { decision, plan }, () => setDone((known) => known + 1));
      setSigned({ ...made });
    }
    const of = (work: Work): Agreement | null => {
      const plan = plans.find((known) => known.work === work);
      return plan === undefined ? null : (made[`${work}/${plan.there.organisation}`] ?? null);
    };
    const isTold = await acting.act('agreement', { laboratory: of('laboratory'), pharmacy: of('pharmacy') });
    if (isTold) await endDecision(patient, decision);
  };
  const sign = (): void => {
    setBusy(true);
    setDone(0);
    setError(undefined);
    signAll()
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return { busy, done, error: error ?? acting.error, sign };
}

function WorkChoice({
  work,
  options,
  chosen,
  onChoose,
}: {
  readonly work: Work;
  readonly options: readonly PidEntry[];
  readonly chosen: string;
  readonly onChoose: (organisation: string) => void;
}) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  return (
    <Radio.Group label={t(`agree.${work}`)} value={chosen} onChange={onChoose}>
      <Stack gap="xs" mt="xs">
        {options.map(({ organisation }) => (
          <Radio key={organisation} value={organisation} label={terms.place(organisation)} />
        ))}
        <Radio value={NOBODY} label={t('agree.nobody')} />
      </Stack>
    </Radio.Group>
  );
}

interface Opening {
  /** Of documents; undefined until every list is there: nothing is signed before. */
  readonly count: number | undefined;
  readonly failed: readonly RecordsAt[];
}

/** What the grants open today. */
function useOpening(plans: readonly AgreementPlan[]): Opening {
  const { nowMs } = usePatient().occasion();
  const planned = plans.flatMap((plan) => grantsOf(plan, nowMs));
  const places = useRecordsAt([...new Map(planned.map(({ entry }) => [entry.pid, entry])).values()]);
  return {
    count: countOpened(planned, places),
    failed: places.filter(({ isError }) => isError),
  };
}

/** What the grants open, said and counted before anything is signed. */
function Opens({ plans, opening }: { readonly plans: readonly AgreementPlan[]; readonly opening: Opening }) {
  const { t } = useTranslation('visit');
  const { t: inAccess } = useTranslation('access');
  const terms = useTerms();
  const { nowMs } = usePatient().occasion();
  if (plans.length === 0) return null;
  const { count, failed } = opening;
  return (
    <Stack gap="xs">
      {plans.map(({ work, home, there }) => (
        <Text key={work} size="sm">
          {t(`agree.${work}Sees`, {
            organisation: terms.place(there.organisation),
            provider: terms.place(home.organisation),
          })}
        </Text>
      ))}
      <Text size="sm" role="status">
        {count === undefined ? '' : t('agree.opensNow', { count })}
      </Text>
      {failed.map(({ entry }) => (
        <Alert key={entry.pid} color="red" variant="outline" role="alert">
          {inAccess('preview.failed', { place: terms.place(entry.organisation) })}
        </Alert>
      ))}
      <Text size="sm">{t('agree.until', { date: terms.date(nowMs + AGREED_DAYS * DAY_MS) })}</Text>
    </Stack>
  );
}
