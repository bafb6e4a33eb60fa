import { Alert, Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, useNavigate } from 'react-router';
import { useSession, useSignIn } from '../../session/index.ts';
import { useAct } from '../../session/use-act.ts';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { claimFirst, claimMore, type FirstClaim } from './claim.ts';
import { LineField } from './line-field.tsx';
import { isPinTwice, NO_PIN, PinFields } from './pin-fields.tsx';
import { RecoverySheetView } from './recovery-sheet-view.tsx';

/** `/patient/start`: from the slip to a record that this device decides about. */
export function Component() {
  const { t } = useTranslation('onboarding');
  const { state } = useSession();
  const { enterPatient } = useSignIn();
  const navigate = useNavigate();
  const [claimed, setClaimed] = useState<FirstClaim>();
  if (state.kind === 'starting') return <Loading />;
  if (claimed !== undefined) {
    return (
      <Page key="sheet" title={t('sheet.title')} lead={t('sheet.lead')}>
        {claimed.isAnswered ? null : <Alert color="yellow">{t('claim.unknown')}</Alert>}
        <RecoverySheetView
          sheet={claimed.sheet}
          onKept={() => void enterPatient().then(() => navigate('/patient', { replace: true }))}
        />
      </Page>
    );
  }
  if (state.kind === 'patient') return <ClaimMore />;
  // Somebody's keys are here: they are unlocked, or removed, before anybody else's come.
  if (state.kind === 'locked') return <Navigate to="/start" replace />;
  return <ClaimFirst onClaimed={setClaimed} />;
}

function ClaimFirst({ onClaimed }: { readonly onClaimed: (claimed: FirstClaim) => void }) {
  const { t } = useTranslation('onboarding');
  const surroundings = useSession();
  const signIn = useSignIn();
  const [slip, setSlip] = useState('');
  const [pin, setPin] = useState(NO_PIN);
  const { act, busy, error } = useAct();
  return (
    <Page title={t('claim.title')} lead={t('claim.lead')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act(async () => onClaimed(await claimFirst(surroundings, signIn, { slip, pin: pin.pin })));
        }}
      >
        <Stack maw={640}>
          <LineField label={t('claim.slip')} description={t('claim.slipText')} value={slip} onChange={setSlip} />
          <PinFields value={pin} onChange={setPin} />
          {error === undefined ? null : <Failure error={error} text={t('claim.failed')} />}
          <Group>
            <Button type="submit" loading={busy} disabled={slip.trim() === '' || !isPinTwice(pin)}>
              {t('next')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Page>
  );
}

function ClaimMore() {
  const { t } = useTranslation('onboarding');
  const surroundings = useSession();
  const [slip, setSlip] = useState('');
  const [isDone, setDone] = useState(false);
  const { act, busy, error } = useAct();
  const { state } = surroundings;
  if (state.kind !== 'patient') return null;
  return (
    <Page title={t('claim.title')} lead={t('claim.add')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act(() => claimMore(surroundings, state.patient, slip).then(() => setDone(true)));
        }}
      >
        <Stack maw={640}>
          <LineField label={t('claim.slip')} description={t('claim.slipText')} value={slip} onChange={setSlip} />
          {error === undefined ? null : <Failure error={error} text={t('claim.failed')} />}
          <Group>
            <Button type="submit" loading={busy} disabled={slip.trim() === ''}>
              {t('next')}
            </Button>
          </Group>
          <div role="status">{isDone ? <Text>{t('claim.done')}</Text> : null}</div>
          <Anchor component={Link} to="/patient">
            {t('claim.home')}
          </Anchor>
        </Stack>
      </form>
    </Page>
  );
}
