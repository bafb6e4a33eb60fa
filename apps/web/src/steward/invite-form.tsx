import { Alert, Button, Checkbox, Code, CopyButton, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../session/index.ts';
import { Failure } from '../ui/failure.tsx';
import { QrCode } from '../ui/qr-code.tsx';
import { useTerms } from '../ui/terms.ts';
import { newInvitationCode } from './invitation-code.ts';
import { tell } from './steward-data.ts';

const ACCOUNT = /^[a-z0-9][a-z0-9._-]{1,63}$/;
const ROLES = [
  'clinician',
  'nurse',
  'pharmacist',
  'laboratory',
  'registrar',
  'researcher',
  'privacy-officer',
  'administrator',
] as const;

interface Made {
  readonly account: string;
  readonly text: string;
}

/** Account and roles of a new colleague, and the code that is shown once. */
export function InviteForm() {
  const { t } = useTranslation('steward');
  const [made, setMade] = useState<Made>();
  return (
    <section aria-labelledby="invite">
      <Stack gap="sm">
        <Title order={2} size="h3" id="invite">
          {t('people.invite')}
        </Title>
        <Text>{t('people.inviteText')}</Text>
        {made === undefined ? <Fields onMade={setMade} /> : <TheCode made={made} onDone={() => setMade(undefined)} />}
      </Stack>
    </section>
  );
}

function Fields({ onMade }: { readonly onMade: (made: Made) => void }) {
  const { t } = useTranslation('steward');
  const terms = useTerms();
  const staff = useStaff();
  const queries = useQueryClient();
  const [account, setAccount] = useState('');
  const [roles, setRoles] = useState<string[]>([]);
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const name = account.trim();
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    setTried(true);
    if (!ACCOUNT.test(name) || roles.length === 0) return;
    setBusy(true);
    setError(undefined);
    const { text, ref } = newInvitationCode(staff.wallet.network, staff.organisation);
    tell(staff, 'POST', 'invitations', { ref, account: name, roles })
      .then(async () => {
        onMade({ account: name, text });
        await queries.invalidateQueries({ queryKey: ['steward', 'invitations'] });
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm" maw={480}>
        <TextInput
          label={t('people.newAccount')}
          description={t('people.newAccountHint')}
          value={account}
          maxLength={64}
          autoComplete="off"
          required
          error={tried && !ACCOUNT.test(name) ? t('people.accountWrong') : undefined}
          onChange={(event) => setAccount(event.currentTarget.value)}
        />
        <Checkbox.Group
          label={t('people.roles')}
          value={roles}
          onChange={setRoles}
          required
          error={tried && roles.length === 0 ? t('people.chooseRoles') : undefined}
        >
          <Stack gap={6} mt={6}>
            {ROLES.map((role) => (
              <Checkbox key={role} value={role} label={terms.role(role)} />
            ))}
          </Stack>
        </Checkbox.Group>
        {error === undefined ? null : <Failure error={error} />}
        <Group>
          <Button type="submit" loading={busy}>
            {t('people.makeCode')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function TheCode({ made, onDone }: { readonly made: Made; readonly onDone: () => void }) {
  const { t } = useTranslation('steward');
  return (
    <Alert color="salus" variant="outline" title={t('people.codeTitle', { account: made.account })} role="status">
      <Stack gap="sm" align="flex-start">
        <Text>{t('people.codeText')}</Text>
        <Text size="sm">
          {t('people.address')}: <Code>{`${window.location.origin}/join`}</Code>
        </Text>
        <Text size="sm">
          {t('people.code')}: <Code data-testid="join-code">{made.text}</Code>
        </Text>
        <QrCode text={made.text} label={t('people.codeTitle', { account: made.account })} sizePx={200} />
        <Group>
          <CopyButton value={made.text}>
            {({ copied, copy }) => (
              <Button variant="default" onClick={copy}>
                {t(copied ? 'copied' : 'copy')}
              </Button>
            )}
          </CopyButton>
          <Button onClick={onDone}>{t('people.done')}</Button>
        </Group>
      </Stack>
    </Alert>
  );
}
