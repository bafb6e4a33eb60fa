import { Badge, Button, Group, Paper, Stack, Text, TextInput, Title } from '@mantine/core';
import { listDevices } from '@salus/client';
import { formatRecoveryCode, type PidEntry, parseRecoveryCode, recoveryKeyOf, WalletError } from '@salus/wallet';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ForgetButton } from '../../session/forget-button.tsx';
import { usePatient, useSession, useSignIn } from '../../session/index.ts';
import { mayHavePasskey } from '../../session/passkey.ts';
import { SecretField } from '../../session/secret-field.tsx';
import { useAct } from '../../session/use-act.ts';
import { ConfirmButton } from '../../ui/confirm-button.tsx';
import { DateText } from '../../ui/date-text.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { QrCode } from '../../ui/qr-code.tsx';
import { addOffered, removeListed } from './change-devices.ts';
import { LineField } from './line-field.tsx';
import { formatPairing, readOffer } from './pairing.ts';
import type { RecoverySheet } from './recovery-sheet.ts';
import { TrusteeShares } from './trustee-shares.tsx';

/** `/patient/devices`: which devices decide, one more, the backup, the passkey, and leaving. */
export function Component() {
  const { t } = useTranslation('onboarding');
  const patient = usePatient();
  return (
    <Page title={t('devices.title')} lead={t('devices.lead')}>
      {patient.pids.map((entry) => (
        <DevicesOf key={entry.pid} entry={entry} />
      ))}
      <AddDevice />
      <Backup />
      <Shares />
      {patient.demonstration ? null : <Passkey />}
      <Leave />
    </Page>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <Paper withBorder p="md" component="section" aria-label={title}>
      <Stack align="flex-start">
        <Title order={2} size="h4">
          {title}
        </Title>
        {children}
      </Stack>
    </Paper>
  );
}

function DevicesOf({ entry: { organisation, pid, kid } }: { readonly entry: PidEntry }) {
  const { t } = useTranslation('onboarding');
  const patient = usePatient();
  const queries = useQueryClient();
  const queryKey = ['device', pid];
  const { data, error, isPending, refetch } = useQuery({
    queryKey,
    queryFn: async () => listDevices(await patient.at(pid), pid),
  });
  return (
    <Part title={organisation}>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data?.map((device) => (
        <Group key={device.kid} justify="space-between" w="100%">
          <div>
            <Group gap="xs">
              <Text size="sm">
                {t('devices.key')} <code>{device.kid}</code>
              </Text>
              {device.kid === kid ? <Badge variant="outline">{t('devices.own')}</Badge> : null}
            </Group>
            <Text size="sm">
              {t(device.status === 'active' ? 'devices.active' : 'devices.removed')} · {t('devices.since')}{' '}
              <DateText value={device.addedMs} withTime />
            </Text>
          </div>
          {device.status === 'active' && device.kid !== kid ? (
            <ConfirmButton
              label={t('devices.remove')}
              question={t('devices.removeQuestion')}
              consequence={t('devices.removeConsequence', { organisation })}
              color="red"
              variant="outline"
              size="xs"
              onConfirm={async () => {
                await removeListed(patient, { pid, kid: device.kid });
                await queries.invalidateQueries({ queryKey });
              }}
            />
          ) : null}
        </Group>
      ))}
    </Part>
  );
}

function AddDevice() {
  const { t } = useTranslation('onboarding');
  const patient = usePatient();
  const queries = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const [shown, setShown] = useState('');
  const [isAdded, setAdded] = useState(false);
  const { act, busy, error } = useAct();
  const line = formatPairing(patient);
  const add = async (): Promise<void> => {
    setAdded(false);
    await addOffered(patient, readOffer(shown));
    setAdded(true);
    setShown('');
    await queries.invalidateQueries({ queryKey: ['device'] });
  };
  return (
    <Part title={t('devices.add')}>
      {isOpen ? null : (
        <Button variant="default" onClick={() => setOpen(true)}>
          {t('devices.add')}
        </Button>
      )}
      {isOpen ? (
        <Stack maw={640}>
          <Text>{t('devices.addText')}</Text>
          <QrCode text={line} label={t('devices.qr')} />
          <Text ff="monospace" size="sm" data-testid="pairing">
            {line}
          </Text>
          <LineField label={t('devices.offer')} description={t('join.offerText')} value={shown} onChange={setShown} />
          {error === undefined ? null : <Failure error={error} text={t('devices.addFailed')} />}
          <Group>
            <Button loading={busy} disabled={shown.trim() === ''} onClick={() => act(add)}>
              {t('devices.confirm')}
            </Button>
          </Group>
        </Stack>
      ) : null}
      <div role="status">{isAdded ? <Text>{t('devices.added')}</Text> : null}</div>
    </Part>
  );
}

function Backup() {
  const { t } = useTranslation('onboarding');
  const patient = usePatient();
  const { act, busy, error } = useAct();
  return (
    <Part title={t('devices.backup')}>
      <Text role="status">{t(patient.isBackedUp ? 'devices.backedUp' : 'devices.notBackedUp')}</Text>
      {error === undefined ? null : <Failure error={error} />}
      <Button variant="default" loading={busy} onClick={() => act(() => patient.backUp())}>
        {t('devices.backUpNow')}
      </Button>
    </Part>
  );
}

/** The code is on no device: it is typed from the sheet, checked against the wallet's public keys, and forgotten again. */
function Shares() {
  const { t } = useTranslation('onboarding');
  const patient = usePatient();
  const [code, setCode] = useState('');
  const [sheet, setSheet] = useState<RecoverySheet>();
  const { act, busy, error } = useAct();
  const show = async (): Promise<void> => {
    const secret = parseRecoveryCode(code);
    const [entry] = patient.pids;
    const [publicKey] = patient.wallet.content.recoveryKeys;
    if (entry === undefined || recoveryKeyOf(secret, 0).publicKey !== publicKey) {
      throw new WalletError('bad-recovery-code', 'This is not the recovery code of this wallet.');
    }
    const { organisation, pid } = entry;
    setSheet({ organisation, pid, recoveryCode: formatRecoveryCode(secret) });
    setCode('');
    return Promise.resolve();
  };
  return (
    <Part title={t('devices.shares')}>
      {sheet === undefined ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            act(show);
          }}
        >
          <Stack align="flex-start">
            <TextInput
              label={t('devices.sharesCode')}
              description={t('devices.sharesText')}
              value={code}
              onChange={({ currentTarget }) => setCode(currentTarget.value)}
              autoComplete="off"
              required
            />
            {error === undefined ? null : <Failure error={error} text={t('devices.sharesWrong')} />}
            <Button type="submit" variant="default" loading={busy}>
              {t('devices.sharesShow')}
            </Button>
          </Stack>
        </form>
      ) : (
        <TrusteeShares sheet={sheet} />
      )}
    </Part>
  );
}

function Passkey() {
  const { t } = useTranslation('onboarding');
  const { addPasskey } = useSignIn();
  const [pin, setPin] = useState('');
  const [isDone, setDone] = useState(false);
  const { act, busy, error } = useAct();
  if (!mayHavePasskey()) return null;
  return (
    <Part title={t('devices.passkey')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act(() => addPasskey(pin).then(() => setDone(true)));
        }}
      >
        <Stack align="flex-start">
          <SecretField label={t('devices.pin')} description={t('devices.passkeyText')} value={pin} onChange={setPin} />
          {error === undefined ? null : <Failure error={error} text={t('devices.passkeyFailed')} />}
          <Button type="submit" variant="default" loading={busy}>
            {t('devices.passkeyMake')}
          </Button>
        </Stack>
      </form>
      <div role="status">{isDone ? <Text>{t('devices.passkeyDone')}</Text> : null}</div>
    </Part>
  );
}

function Leave() {
  const { t } = useTranslation('onboarding');
  const { lock } = useSession();
  const patient = usePatient();
  return (
    <Part title={t('devices.leave')}>
      <Group>
        {patient.demonstration ? null : (
          <Button variant="default" onClick={lock}>
            {t('devices.lock')}
          </Button>
        )}
        <ForgetButton />
      </Group>
    </Part>
  );
}
