import { Alert, Button, Group, NativeSelect, Stack, Switch, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useNavigate } from 'react-router';
import { ActForm } from '../../session/act-form.tsx';
import { useSession, useSignIn } from '../../session/index.ts';
import { Page } from '../../ui/page.tsx';
import { LineField } from './line-field.tsx';
import { isPinTwice, NO_PIN, PinFields } from './pin-fields.tsx';
import { type NotRecovered, readLines, recoverHere } from './recover.ts';
import type { RecoverySheet } from './recovery-sheet.ts';

const NO_SHEET: RecoverySheet = { organisation: '', pid: '', recoveryCode: '' };

/** `/patient/recover`: back to the record with the recovery sheet, or with what trusted people hold. */
export function Component() {
  const { t } = useTranslation('onboarding');
  const surroundings = useSession();
  const signIn = useSignIn();
  const navigate = useNavigate();
  const [lines, setLines] = useState('');
  const [byHand, setByHand] = useState<RecoverySheet>();
  const [pin, setPin] = useState(NO_PIN);
  const [without, setWithout] = useState<NotRecovered>();
  const enter = (): void => {
    void signIn.enterPatient().then(() => navigate('/patient', { replace: true }));
  };
  const recover = async (): Promise<void> => {
    const sheet = byHand ?? (await readLines(lines));
    const missing = await recoverHere(surroundings, signIn, { sheet, pin: pin.pin });
    if ([...missing.refused, ...missing.unanswered, ...missing.notes].length === 0) enter();
    else setWithout(missing);
  };
  if (surroundings.state.kind === 'patient') return <Navigate to="/patient" replace />;
  if (surroundings.state.kind === 'locked') return <Navigate to="/start" replace />;
  if (without !== undefined) {
    return (
      <Page key="some" title={t('recover.title')} lead={t('recover.done')}>
        {without.refused.length === 0 ? null : (
          <Alert color="yellow">{t('recover.some', { organisations: without.refused.join(', ') })}</Alert>
        )}
        {without.unanswered.length === 0 ? null : (
          <Alert color="yellow">{t('recover.unanswered', { organisations: without.unanswered.join(', ') })}</Alert>
        )}
        {without.notes.map((note) => (
          <Alert key={note} color="yellow">
            {t(`recover.${note}`)}
          </Alert>
        ))}
        <Group>
          <Button onClick={enter}>{t('claim.home')}</Button>
        </Group>
      </Page>
    );
  }
  const isWhole =
    byHand === undefined ? lines.trim() !== '' : Object.values(byHand).every((value: string) => value.trim() !== '');
  return (
    <Page title={t('recover.title')} lead={t('recover.lead')}>
      <ActForm
        deed={recover}
        button={t('recover.go')}
        failed={t('recover.failed')}
        disabled={!isWhole || !isPinTwice(pin)}
      >
        <Switch
          label={t('recover.byHand')}
          checked={byHand !== undefined}
          onChange={({ currentTarget }) => setByHand(currentTarget.checked ? NO_SHEET : undefined)}
        />
        {byHand === undefined ? (
          <LineField
            label={t('recover.lines')}
            description={t('recover.linesText')}
            value={lines}
            onChange={setLines}
            several
          />
        ) : (
          <ByHand value={byHand} onChange={setByHand} />
        )}
        <PinFields value={pin} onChange={setPin} />
      </ActForm>
    </Page>
  );
}

function ByHand({
  value,
  onChange,
}: {
  readonly value: RecoverySheet;
  readonly onChange: (value: RecoverySheet) => void;
}) {
  const { t } = useTranslation('onboarding');
  const { api } = useSession();
  const { data: names = [] } = useQuery({
    queryKey: ['network', 'names'],
    queryFn: async () => {
      const { organisations } = await api.send<{
        readonly organisations: readonly { readonly organisation: string }[];
      }>({ method: 'GET', path: '/api/v1/network' });
      return organisations.map(({ organisation }) => organisation);
    },
  });
  return (
    <Stack>
      <NativeSelect
        label={t('recover.organisation')}
        value={value.organisation}
        data={['', ...names]}
        onChange={({ currentTarget }) => onChange({ ...value, organisation: currentTarget.value })}
        required
      />
      <TextInput
        label={t('recover.pid')}
        value={value.pid}
        onChange={({ currentTarget }) => onChange({ ...value, pid: currentTarget.value.trim() })}
        autoComplete="off"
        required
      />
      <TextInput
        label={t('recover.code')}
        value={value.recoveryCode}
        onChange={({ currentTarget }) => onChange({ ...value, recoveryCode: currentTarget.value })}
        autoComplete="off"
        required
      />
    </Stack>
  );
}
