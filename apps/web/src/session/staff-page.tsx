import { FileInput, TextInput } from '@mantine/core';
import { WALLET_FILE_BYTES_MAX } from '@salus/wallet/web';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate } from 'react-router';
import { Page } from '../ui/page.tsx';
import { ActForm } from './act-form.tsx';
import { SecretField } from './secret-field.tsx';
import { useSession, useSignIn } from './session.ts';

/** Staff: the wallet file holds the key, its passphrase opens it here, the password logs in. */
export function Component() {
  const { t } = useTranslation('session');
  const { state } = useSession();
  const { signInWithFile } = useSignIn();
  const [file, setFile] = useState<File | null>(null);
  const [passphrase, setPassphrase] = useState('');
  const [account, setAccount] = useState('');
  const [password, setPassword] = useState('');
  if (state.kind === 'staff' || state.kind === 'patient') return <Navigate to="/" replace />;
  const signIn = async (): Promise<void> => {
    if (file === null) return;
    const bytes = new Uint8Array(await file.slice(0, WALLET_FILE_BYTES_MAX + 1).arrayBuffer());
    await signInWithFile({ bytes, passphrase, account, password });
  };
  return (
    <Page title={t('staff.title')} lead={t('staff.lead')}>
      <ActForm deed={signIn} button={t('signIn')} failed={t('staff.failed')} disabled={file === null} maw={480}>
        <FileInput label={t('staff.file')} placeholder={t('staff.choose')} value={file} onChange={setFile} required />
        <SecretField label={t('staff.passphrase')} value={passphrase} onChange={setPassphrase} autoComplete="off" />
        <TextInput
          label={t('staff.account')}
          value={account}
          onChange={({ currentTarget: { value } }) => setAccount(value)}
          autoComplete="username"
          required
        />
        <SecretField label={t('staff.password')} value={password} onChange={setPassword} />
      </ActForm>
    </Page>
  );
}
