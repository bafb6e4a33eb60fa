import { Button, Fieldset, Group, Radio, Stack, Text, Textarea, TextInput, Title } from '@mantine/core';
import { randomBytes, toBase64url } from '@salus/crypto';
import { type Answers as Given, QUESTIONS, questionnaireResponse } from '@salus/fhir/visit';
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { usePatient, useSession } from '../session/index.ts';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';
import { useTerms } from '../ui/terms.ts';
import { Answers } from './answers.tsx';
import { Facts } from './facts.tsx';
import { localInput, localMs, tomorrowAtNine } from './local-time.ts';
import { QuestionField } from './question-field.tsx';
import { type OwnVisits, useOwnVisits, useVisitsChanged } from './use-visits.ts';
import { patientAct } from './visit-api.ts';

const VISIT_ID_BYTES = 16;
const REASON_MAX = 500;

/** "I need care" in three steps: why, where and when, and a last look. */
export function NewVisitPage() {
  const { t } = useTranslation('visit');
  const { data, error, refetch } = useOwnVisits();
  return (
    <Page title={t('new.title')}>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null ? <Loading /> : null}
      {data === undefined ? null : <Steps places={data.places} />}
    </Page>
  );
}

interface Draft {
  readonly reason: string;
  readonly answers: Given;
  readonly provider: string;
  readonly wished: string;
}

function Steps({ places }: Pick<OwnVisits, 'places'>) {
  const { t } = useTranslation('visit');
  const { nowMs } = useSession();
  const providers = places.filter(({ offers }) => offers.includes('visit')).map(({ entry }) => entry.organisation);
  const [step, setStep] = useState(1);
  const [draft, setDraft] = useState<Draft>(() => ({
    ...{ reason: '', answers: {}, provider: providers[0] ?? '' },
    wished: localInput(tomorrowAtNine(nowMs())),
  }));
  const change = (part: Partial<Draft>): void => setDraft((known) => ({ ...known, ...part }));
  const shared = { draft, change, onBack: () => setStep(step - 1), onNext: () => setStep(step + 1) };
  if (providers.length === 0) return <Empty text={t('new.noProvider')} />;
  if (step === 1) return <Why {...shared} />;
  if (step === 2) return <Where {...shared} providers={providers} />;
  return <Check {...shared} places={places} />;
}

interface StepProps {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  readonly onBack: () => void;
  readonly onNext: () => void;
}

/** One step: its heading takes the focus when the step opens, but not when the page does. */
function Step({
  number,
  title,
  children,
}: {
  readonly number: number;
  readonly title: string;
  readonly children: ReactNode;
}) {
  const { t } = useTranslation('visit');
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (number > 1) heading.current?.focus();
  }, [number]);
  return (
    <Stack maw={640}>
      <Text size="sm">{t('new.step', { step: number })}</Text>
      <Title order={2} size="h3" ref={heading} tabIndex={-1}>
        {title}
      </Title>
      {children}
    </Stack>
  );
}

function Why({ draft, change, onNext }: StepProps) {
  const { t } = useTranslation('visit');
  const [missing, setMissing] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const next = (): void => {
    const empty = draft.reason.trim() === '';
    setMissing(empty);
    if (empty) field.current?.focus();
    else onNext();
  };
  return (
    <Step number={1} title={t('new.why')}>
      <Textarea
        label={t('new.whyText')}
        ref={field}
        rows={2}
        maxLength={REASON_MAX}
        withAsterisk
        required
        value={draft.reason}
        error={missing && draft.reason.trim() === '' ? t('new.whyMissing') : undefined}
        onChange={(event) => change({ reason: event.currentTarget.value })}
      />
      <Fieldset legend={t('new.questions')}>
        <Stack>
          {QUESTIONS.map((question) => (
            <QuestionField
              key={question.linkId}
              question={question}
              value={draft.answers[question.linkId]}
              onChange={(value) => change({ answers: { ...draft.answers, [question.linkId]: value } })}
            />
          ))}
        </Stack>
      </Fieldset>
      <Group>
        <Button onClick={next}>{t('next')}</Button>
      </Group>
    </Step>
  );
}

function Where({ draft, change, onBack, onNext, providers }: StepProps & { readonly providers: readonly string[] }) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const { nowMs } = useSession();
  const [past, setPast] = useState(false);
  const next = (): void => {
    const isAhead = localMs(draft.wished) > nowMs();
    setPast(!isAhead);
    if (isAhead) onNext();
  };
  return (
    <Step number={2} title={t('new.where')}>
      <Radio.Group label={t('new.provider')} value={draft.provider} onChange={(provider) => change({ provider })}>
        <Stack gap="xs" mt="xs">
          {providers.map((provider) => (
            <Radio key={provider} value={provider} label={terms.place(provider)} />
          ))}
        </Stack>
      </Radio.Group>
      <TextInput
        type="datetime-local"
        label={t('new.when')}
        value={draft.wished}
        error={past ? t('new.whenPast') : undefined}
        onChange={(event) => change({ wished: event.currentTarget.value })}
      />
      <Group>
        <Button variant="default" onClick={onBack}>
          {t('back')}
        </Button>
        <Button onClick={next}>{t('next')}</Button>
      </Group>
    </Step>
  );
}

function Check({ draft, onBack, places }: StepProps & Pick<OwnVisits, 'places'>) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const patient = usePatient();
  const navigate = useNavigate();
  const changed = useVisitsChanged();
  // Drawn once: whoever presses twice, or again after a failure, asks for the same visit.
  const visit = useMemo(() => toBase64url(randomBytes(VISIT_ID_BYTES)), []);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const { reason, answers, provider, wished } = draft;
  const send = async (): Promise<void> => {
    const pid = places.find(({ entry }) => entry.organisation === provider)?.entry.pid ?? '';
    const given = Object.fromEntries(Object.entries(answers).filter(([, value]) => value !== ''));
    const body = { visit, reason: reason.trim(), answers: given, wishedMs: localMs(wished) };
    await patientAct(await patient.at(pid), '', body);
    await changed();
    await navigate(`/visit/${provider}/${visit}`);
  };
  const onSend = (): void => {
    setBusy(true);
    setError(undefined);
    send()
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <Step number={3} title={t('new.check')}>
      <Facts
        facts={[
          [t('facts.reason'), reason],
          [t('facts.place'), terms.place(provider)],
          [t('facts.wished'), terms.moment(localMs(wished))],
        ]}
      />
      <Answers response={questionnaireResponse({ answers, authoredMs: 0 })} />
      {error === undefined ? null : <Failure error={error} />}
      <Group>
        <Button variant="default" onClick={onBack} disabled={busy}>
          {t('back')}
        </Button>
        <Button onClick={onSend} loading={busy}>
          {t('new.send')}
        </Button>
      </Group>
    </Step>
  );
}
