import { Stack, Text, Title } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useNavigate } from 'react-router';
import { ActForm } from '../../session/act-form.tsx';
import { useSession, useSignIn } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { QrCode } from '../../ui/qr-code.tsx';
import { offerHere, tryJoin } from './join.ts';
import { LineField } from './line-field.tsx';
import { type Pairing, parsePairing } from './pairing.ts';
import { isPinTwice, NO_PIN, PinFields } from './pin-fields.tsx';

const ASK_EVERY_MS = 3_000;
/** The old device is beside the new one: whoever waits longer begins again. */
const ASKED_MAX = 400;

interface Offered {
  readonly pairing: Pairing;
  readonly line: string;
}

/** `/patient/join`: this browser becomes one more device of a patient. */
export function Component() {
  const { t } = useTranslation('onboarding');
  const { state } = useSession();
  const signIn = useSignIn();
  const [shown, setShown] = useState('');
  const [pin, setPin] = useState(NO_PIN);
  const [offered, setOffered] = useState<Offered>();
  if (offered !== undefined) return <Waiting offered={offered} onFailed={() => setOffered(undefined)} />;
  if (state.kind === 'patient') return <Navigate to="/patient" replace />;
  if (state.kind === 'locked') return <Navigate to="/start" replace />;
  const offer = async (): Promise<void> => {
    const pairing = parsePairing(shown);
    setOffered({ pairing, line: await offerHere(signIn, pairing, pin.pin) });
  };
  return (
    <Page key="begin" title={t('join.title')} lead={t('join.lead')}>
      <ActForm
        deed={offer}
        button={t('next')}
        failed={t('join.failed')}
        disabled={shown.trim() === '' || !isPinTwice(pin)}
      >
        <LineField label={t('join.pairing')} description={t('join.pairingText')} value={shown} onChange={setShown} />
        <PinFields value={pin} onChange={setPin} />
      </ActForm>
    </Page>
  );
}

function Waiting({ offered, onFailed }: { readonly offered: Offered; readonly onFailed: () => void }) {
  const { t } = useTranslation('onboarding');
  const { api } = useSession();
  const signIn = useSignIn();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const ask = async (asked: number): Promise<void> => {
      const isJoined = await tryJoin(api, signIn, offered.pairing);
      if (isOver) return;
      if (isJoined) {
        await signIn.enterPatient();
        await navigate('/patient', { replace: true });
      } else if (asked < ASKED_MAX) {
        timer = setTimeout(() => void ask(asked + 1).catch(setError), ASK_EVERY_MS);
      } else {
        await signIn.forget();
        onFailed();
      }
    };
    void ask(1).catch(setError);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [api, signIn, navigate, offered, onFailed]);
  return (
    <Page key="waiting" title={t('join.title')}>
      <Stack maw={640}>
        <Title order={2} size="h4">
          {t('join.offer')}
        </Title>
        <Text>{t('join.offerText')}</Text>
        <QrCode text={offered.line} label={t('join.qr')} sizePx={320} level="L" />
        <Text ff="monospace" size="sm" data-testid="offer">
          {offered.line}
        </Text>
        {error === undefined ? <Loading what={t('join.waiting')} /> : <Failure error={error} text={t('join.failed')} />}
      </Stack>
    </Page>
  );
}
