import { Button, Group, PasswordInput, Stack } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { Failure } from '../ui/failure.tsx';
import { Page } from '../ui/page.tsx';
import { useSignIn } from './session.ts';
import { useAct } from './use-act.ts';

/** Opens what is kept on this device, with PIN or passkey; staff log in with their password besides. */
export function Unlock({ who }: { readonly who: 'patient' | 'staff' }) {
  const { t } = useTranslation('session');
  const { unlock, unlockWithPasskey, findPasskey, forget } = useSignIn();
  const [pin, setPin] = useState('');
  const [password, setPassword] = useState('');
  const [hasPasskey, setHasPasskey] = useState(false);
  const { act, busy, error } = useAct();
  useEffect(() => {
    void findPasskey().then(setHasPasskey);
  }, [findPasskey]);
  const typed = who === 'staff' ? password : undefined;
  return (
    <Page title={t('unlock.title')} lead={t('unlock.lead')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act(() => unlock(pin, typed));
        }}
      >
        <Stack maw={420}>
          <PasswordInput
            label={t('unlock.pin')}
            value={pin}
            onChange={({ currentTarget: { value } }) => setPin(value)}
            autoComplete="current-password"
            required
          />
          {who === 'staff' ? (
            <PasswordInput
              label={t('staff.password')}
              value={password}
              onChange={({ currentTarget: { value } }) => setPassword(value)}
              autoComplete="current-password"
              required
            />
          ) : null}
          {error === undefined ? null : <Failure error={error} text={t('unlock.failed')} />}
          <Group>
            <Button type="submit" loading={busy}>
              {t('unlock.open')}
            </Button>
            {hasPasskey ? (
              <Button variant="outline" disabled={busy} onClick={() => act(() => unlockWithPasskey(typed))}>
                {t('unlock.passkey')}
              </Button>
            ) : null}
          </Group>
        </Stack>
      </form>
      <Group>
        <ConfirmButton
          label={t('forget.label')}
          question={t('forget.question')}
          consequence={t('forget.consequence')}
          variant="outline"
          color="red"
          onConfirm={forget}
        />
      </Group>
    </Page>
  );
}
