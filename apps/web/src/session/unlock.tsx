import { Button, Group } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Page } from '../ui/page.tsx';
import { ActForm } from './act-form.tsx';
import { ForgetButton } from './forget-button.tsx';
import { SecretField } from './secret-field.tsx';
import { useSignIn } from './session.ts';

/** Opens what is kept on this device, with PIN or passkey; staff log in with their password besides. */
export function Unlock({ who }: { readonly who: 'patient' | 'staff' }) {
  const { t } = useTranslation('session');
  const { unlock, unlockWithPasskey, findPasskey } = useSignIn();
  const [pin, setPin] = useState('');
  const [password, setPassword] = useState('');
  const [hasPasskey, setHasPasskey] = useState(false);
  useEffect(() => {
    void findPasskey().then(setHasPasskey);
  }, [findPasskey]);
  const typed = who === 'staff' ? password : undefined;
  return (
    <Page title={t('unlock.title')} lead={t('unlock.lead')}>
      <ActForm
        deed={() => unlock(pin, typed)}
        button={t('unlock.open')}
        failed={t('unlock.failed')}
        maw={420}
        beside={({ act, busy }) =>
          hasPasskey ? (
            <Button variant="outline" disabled={busy} onClick={() => act(() => unlockWithPasskey(typed))}>
              {t('unlock.passkey')}
            </Button>
          ) : null
        }
      >
        <SecretField label={t('unlock.pin')} value={pin} onChange={setPin} />
        {who === 'staff' ? <SecretField label={t('staff.password')} value={password} onChange={setPassword} /> : null}
      </ActForm>
      <Group>
        <ForgetButton />
      </Group>
    </Page>
  );
}
