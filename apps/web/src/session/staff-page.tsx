import { Button, FileInput, Group, PasswordInput, Stack, TextInput } from '@mantine/core';
import { WALLET_FILE_BYTES_MAX } from '@salus/wallet/web';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate } from 'react-router';
import { Failure } from '../ui/failure.tsx';
import { Page } from '../ui/page.tsx';
import { useSession, useSignIn } from './session.ts';
import { useAct } from './use-act.ts';

/** Staff: the wallet file holds the key, its passphrase opens it here, the password logs in. */
export function Component() {
  const { t } = useTranslation('session');
  const { state } = useSession();
  const { signInWithFile } = useSignIn();
  const [file, setFile] = useState<File | null>(null);
  const [passphrase, setPassphrase] = useState('');
  const [account, setAccount] = useState('');
  const [password, setPassword] = useState('');
  const { act, busy, error } = useAct();
  if (state.kind === 'staff' || state.kind === 'patient') return <Navigate to="/" replace />;
  const submit = async (): Promise<void> => {
    if (file === null) return;
    const bytes = new Uint8Array(await file.slice(0, WALLET_FILE_BYTES_MAX + 1).arrayBuffer());
    await signInWithFile({ bytes, passphrase, account, password });
  };
  return (
    <Page title={t('staff.title')} lead={t('staff.lead')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act(submit);
        }}
      >
        <Stack maw={480}>
          <FileInput label={t('staff.file')} placeholder={t('staff.choose')} value={file} onChange={setFile} required />
          <PasswordInput
            label={t('staff.passphrase')}
            value={passphrase}
            onChange={({ currentTarget: { value } }) => setPassphrase(value)}
            autoComplete="off"
            required
          />
          <TextInput
            label={t('staff.account')}
            value={account}
            onChange={({ currentTarget: { value } }) => setAccount(value)}
            autoComplete="username"
            required
          />
          <PasswordInput
            label={t('staff.password')}
            value={password}
            onChange={({ currentTarget: { value } }) => setPassword(value)}
            autoComplete="current-password"
            required
          />
          {error === undefined ? null : <Failure error={error} text={t('staff.failed')} />}
          <Group>
            <Button type="submit" loading={busy} disabled={file === null}>
              {t('signIn')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Page>
  );
}
