import { Alert, Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, useNavigate } from 'react-router';
import { ActForm } from '../../session/act-form.tsx';
import { type PatientSession, useSession, useSignIn } from '../../session/index.ts';
import type { UnconfirmedSheet } from '../../session/unfinished.ts';
import { useAct } from '../../session/use-act.ts';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { claimFirst, claimMore } from './claim.ts';
import { LineField } from './line-field.tsx';
import { isPinTwice, NO_PIN, PinFields } from './pin-fields.tsx';
import { RecoverySheetView } from './recovery-sheet-view.tsx';

/** `/patient/start`: from the slip to a record that this device decides about. The sheet is shown until it is confirmed. */
export function Component() {
  const { state } = useSession();
  if (state.kind === 'starting') return <Loading />;
  if (state.kind === 'patient') {
    const { patient } = state;
    const { sheet } = patient.unfinished;
    return sheet === null ? <ClaimMore /> : <Sheet key="sheet" patient={patient} sheet={sheet} />;
  }
  // Somebody's keys are here: they are unlocked, or removed, before anybody else's come.
  if (state.kind === 'locked') return <Navigate to="/start" replace />;
  return <ClaimFirst />;
}

function Sheet({ patient, sheet }: { readonly patient: PatientSession; readonly sheet: UnconfirmedSheet }) {
  const { t } = useTranslation('onboarding');
  const { forget } = useSignIn();
  const navigate = useNavigate();
  const { act, busy, error } = useAct();
  const isClaimed = (): boolean => patient.pids.some(({ pid }) => pid === sheet.pid);
  const confirm = async (): Promise<void> => {
    await patient.resume();
    // While it is not known whose the pid is, the sheet stays.
    if (patient.unfinished.calls.some(({ pid }) => pid === sheet.pid) || !isClaimed()) return;
    await patient.seal((kept) => ({ ...kept, unfinished: { ...kept.unfinished, sheet: null } }));
    await navigate('/patient', { replace: true });
  };
  if (!isClaimed()) {
    return (
      <Page title={t('claim.title')}>
        <Alert color="red" role="alert">
          {t('claim.failed')}
        </Alert>
        <Group>
          <Button onClick={() => void forget()}>{t('claim.again')}</Button>
        </Group>
      </Page>
    );
  }
  const isUnknown = patient.unfinished.calls.some(({ pid }) => pid === sheet.pid);
  return (
    <Page title={t('sheet.title')} lead={t('sheet.lead')}>
      {isUnknown ? (
        <Alert color="yellow">
          <Stack align="flex-start">
            <Text size="sm">{t('claim.unknown')}</Text>
            <Button size="xs" variant="outline" loading={busy} onClick={() => act(patient.resume)}>
              {t('claim.ask')}
            </Button>
          </Stack>
        </Alert>
      ) : null}
      {error === undefined ? null : <Failure error={error} />}
      <RecoverySheetView sheet={sheet} onKept={() => act(confirm)} />
    </Page>
  );
}

function ClaimFirst() {
  const { t } = useTranslation('onboarding');
  const surroundings = useSession();
  const signIn = useSignIn();
  const [slip, setSlip] = useState('');
  const [pin, setPin] = useState(NO_PIN);
  return (
    <Page title={t('claim.title')} lead={t('claim.lead')}>
      <ActForm
        deed={() => claimFirst(surroundings, signIn, { slip, pin: pin.pin }).then(signIn.enterPatient)}
        button={t('next')}
        failed={t('claim.failed')}
        disabled={slip.trim() === '' || !isPinTwice(pin)}
      >
        <LineField label={t('claim.slip')} description={t('claim.slipText')} value={slip} onChange={setSlip} />
        <PinFields value={pin} onChange={setPin} />
      </ActForm>
    </Page>
  );
}

function ClaimMore() {
  const { t } = useTranslation('onboarding');
  const surroundings = useSession();
  const [slip, setSlip] = useState('');
  const [isDone, setDone] = useState(false);
  const { state } = surroundings;
  if (state.kind !== 'patient') return null;
  return (
    <Page title={t('claim.title')} lead={t('claim.add')}>
      <ActForm
        deed={() => claimMore(surroundings, state.patient, slip).then(() => setDone(true))}
        button={t('next')}
        failed={t('claim.failed')}
        disabled={slip.trim() === ''}
      >
        <LineField label={t('claim.slip')} description={t('claim.slipText')} value={slip} onChange={setSlip} />
      </ActForm>
      <div role="status">{isDone ? <Text>{t('claim.done')}</Text> : null}</div>
      <Anchor component={Link} to="/patient">
        {t('claim.home')}
      </Anchor>
    </Page>
  );
}
