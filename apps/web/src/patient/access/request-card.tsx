import { Blockquote, Button, Card, Checkbox, Group, Stack, Text, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePatient, useSession } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { type RequestAt, useDecided, useRecordsAt } from './access-queries.ts';
import { useActing } from './acting.ts';
import { answerRequest, type MadeGrant, makeGrants } from './decide.ts';
import { draftOfRequest, findFault, foreignTo, isWhole, plansOf } from './draft.ts';
import { DraftFields } from './draft-fields.tsx';
import { endDecision } from './grant-once.ts';
import { whoOf } from './grant-words.ts';
import { OpeningSummary } from './opening-summary.tsx';
import { placesOf, tellPlaces } from './tell-places.ts';

/** One request: who asks and why, what it would open, and the answer. Everything is ticked as asked, nothing sensitive. */
export function RequestCard({ asked: { request } }: { readonly asked: RequestAt }) {
  const { t } = useTranslation('access');
  const say = useSay();
  const terms = useTerms();
  const patient = usePatient();
  const { entries } = useActing();
  const { nowMs } = useSession();
  const decided = useDecided();
  const { asked } = request;
  const decision = `request/${asked.request}`;
  const [openedMs] = useState(nowMs);
  const [draft, setDraft] = useState(() => draftOfRequest(asked, openedMs));
  const [step, setStep] = useState('');
  const [tells, setTells] = useState(false);
  const places = useRecordsAt(foreignTo(asked.grantee, entries));
  const plans = plansOf(draft, places, { nowMs: openedMs, askedUntilMs: asked.notAfterMs });
  const fault = findFault(draft, openedMs);
  const isReady = places.length > 0 && places.every(({ records }) => records !== undefined);
  /** The list of places ends with the permission that it goes with. */
  const tell = async (made: typeof plans): Promise<readonly MadeGrant[]> => {
    const [first] = made;
    if (first === undefined) return [];
    const { purposes, notAfterMs } = first.choice;
    const { entry } = first;
    return [
      await tellPlaces(patient, { decision, entry, grantee: asked.grantee, purposes, notAfterMs }, placesOf(places)),
    ];
  };
  const allow = useMutation({
    mutationFn: async () => {
      const when = { nowMs: nowMs(), askedUntilMs: asked.notAfterMs };
      const made = await makeGrants(patient, { decision, plans: plansOf(draft, places, when) }, (place) =>
        setStep(t('requests.steps.seal', { place: terms.place(place) })),
      );
      const told = tells ? await tell(plansOf(draft, places, when)) : [];
      setStep(t('requests.steps.answer'));
      const whole = plans.length === places.length && plans.every(({ choice }) => isWhole(asked, choice));
      await answerRequest(patient, request, { word: whole ? 'granted' : 'partly', made: [...made, ...told] });
      await endDecision(patient, decision);
    },
    onSuccess: async () => {
      const until = Math.max(...plans.map(({ choice }) => choice.notAfterMs));
      say(t('requests.allowed', { date: terms.moment(until) }));
      await decided();
    },
    onSettled: () => setStep(''),
  });
  const decline = useMutation({
    mutationFn: () => answerRequest(patient, request, { word: 'declined', made: [] }),
    onSuccess: async () => {
      say(t('requests.declined'));
      await decided();
    },
  });
  const busy = allow.isPending || decline.isPending;
  const error = allow.error ?? decline.error;
  return (
    <Card withBorder padding="md" component="section" aria-labelledby={`request-${asked.request}`}>
      <Stack gap="sm">
        <Title order={2} size="h4" id={`request-${asked.request}`}>
          {t('requests.asks', { who: whoOf(t, terms, asked.grantee) })}
        </Title>
        <Text size="sm">
          {t('requests.reason', {
            purpose: terms.list(asked.purposes.map(terms.purpose)),
            date: terms.moment(request.createdMs),
          })}{' '}
          {asked.notAfterMs === null ? null : t('requests.wantedUntil', { date: terms.moment(asked.notAfterMs) })}
        </Text>
        {asked.text === '' ? null : <Blockquote p="sm">{asked.text}</Blockquote>}
        {places.length === 0 ? <Text>{t('requests.nothingElsewhere')}</Text> : null}
        {places.length === 0 ? null : (
          <>
            <DraftFields draft={draft} categories={asked.categories} places={places} onChange={setDraft} />
            <OpeningSummary plans={plans} places={places} />
            <Checkbox
              label={t('requests.tell')}
              description={t('requests.tellHint')}
              checked={tells}
              onChange={(event) => setTells(event.currentTarget.checked)}
            />
          </>
        )}
        {fault === undefined ? null : (
          <Text c="red.9" role="alert">
            {t(`form.faults.${fault}`)}
          </Text>
        )}
        {error === null ? null : <Failure error={error} />}
        {step === '' ? null : <Loading what={step} />}
        <Group>
          <Button
            onClick={() => allow.mutate()}
            disabled={!isReady || fault !== undefined || busy}
            loading={allow.isPending}
          >
            {t('requests.allow')}
          </Button>
          <Button variant="default" onClick={() => decline.mutate()} disabled={busy} loading={decline.isPending}>
            {t('requests.decline')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
