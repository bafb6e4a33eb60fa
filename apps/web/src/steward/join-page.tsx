import { Alert, Button, Group, Stack, Text, Textarea } from '@mantine/core';
import { ClientError, readNetwork } from '@salus/client';
import { toBase64url, utf8 } from '@salus/crypto';
import { type SyntheticEvent, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { type Session, type SignIn, useSession, useSignIn } from '../session/index.ts';
import { SecretField } from '../session/secret-field.tsx';
import { codeOf } from '../ui/code-of.ts';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';
import { claimStatement, numberOf, parseInvitationCode, refOf } from './invitation-code.ts';
import classes from './steward.module.css';

const ASK_AGAIN_MS = 2_000;
const PASSWORD_MIN = 12;
const CODE_MAX = 200;

/** A claim that this device has made: what it waits with. */
interface Claimed {
  readonly network: string;
  readonly organisation: string;
  readonly code: string;
  readonly account: string;
  readonly publicKey: string;
  readonly password: string;
}

interface Answer {
  readonly account: string;
  readonly roles: readonly string[];
  readonly state: 'open' | 'claimed' | 'certified' | 'enrolled';
  readonly id: string | null;
  readonly chain: readonly string[] | null;
}

/** A new colleague's first page: the code, the key that is made here, and the wait for the administrator. */
export function JoinPage() {
  const { t } = useTranslation('steward');
  const { state } = useSession();
  const [claimed, setClaimed] = useState<Claimed>();
  if (claimed === undefined && isSomebodyElses(state)) {
    return (
      <Page title={t('join.title')}>
        <Alert color="red" variant="outline" role="alert">
          {t('join.exists')}
        </Alert>
      </Page>
    );
  }
  return (
    <Page title={t('join.title')} lead={t('join.lead')}>
      {claimed === undefined ? <CodeForm onClaimed={setClaimed} /> : <Waiting claimed={claimed} />}
    </Page>
  );
}

/** A patient's wallet, open or locked, or the key of a colleague at work: the PIN of neither is asked for here. */
function isSomebodyElses(state: Session['state']): boolean {
  return state.kind === 'patient' || state.kind === 'staff' || (state.kind === 'locked' && state.who === 'patient');
}

function CodeForm({ onClaimed }: { readonly onClaimed: (claimed: Claimed) => void }) {
  const { t } = useTranslation('steward');
  const { api } = useSession();
  const signIn = useSignIn();
  const [fields, setFields] = useState({ code: '', password: '', again: '', pin: '' });
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const parsed = parseInvitationCode(fields.code);
  const longEnough = fields.password.length >= PASSWORD_MIN;
  const same = fields.password === fields.again;
  const set = (name: keyof typeof fields, value: string): void => setFields({ ...fields, [name]: value });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    setTried(true);
    if (parsed === undefined || !longEnough || !same || fields.pin === '') return;
    setBusy(true);
    setError(undefined);
    claim({ api, signIn }, { ...parsed, password: fields.password, pin: fields.pin })
      .then(onClaimed, setError)
      .finally(() => setBusy(false));
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm" maw={520}>
        <Textarea
          label={t('join.code')}
          description={t('join.codeHint')}
          value={fields.code}
          maxLength={CODE_MAX}
          autosize
          minRows={2}
          dir="ltr"
          required
          error={tried && parsed === undefined ? t('join.codeWrong') : undefined}
          onChange={(event) => set('code', event.currentTarget.value)}
        />
        <SecretField
          label={t('join.password')}
          description={t('join.passwordHint')}
          value={fields.password}
          autoComplete="new-password"
          error={tried && !longEnough ? t('join.passwordWrong') : undefined}
          onChange={(value) => set('password', value)}
        />
        <SecretField
          label={t('join.again')}
          value={fields.again}
          autoComplete="new-password"
          error={tried && !same ? t('join.againWrong') : undefined}
          onChange={(value) => set('again', value)}
        />
        <SecretField
          label={t('join.pin')}
          description={t('join.pinHint')}
          value={fields.pin}
          autoComplete="off"
          inputMode="numeric"
          error={tried && fields.pin === '' ? t('certificates.required') : undefined}
          onChange={(value) => set('pin', value)}
        />
        {error === undefined ? null : <JoinFailure error={error} />}
        <Group>
          <Button type="submit" loading={busy}>
            {t('join.start')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function JoinFailure({ error }: { readonly error: unknown }) {
  const { t } = useTranslation('steward');
  const code = codeOf(error) ?? '';
  const words: { readonly [code: string]: string } = {
    'not-found': t('join.unknown'),
    conflict: t('join.taken'),
    'weak-pin': t('join.weakPin'),
    'wallet-exists': t('join.exists'),
    'wrong-pin': t('join.wrongPin'),
  };
  const text = words[code];
  return <Failure error={error} {...(text === undefined ? {} : { text })} />;
}

/** The key is drawn under the PIN, on this device; only its public half and a signature go out. */
async function claim(
  { api, signIn }: Pick<Session, 'api'> & { readonly signIn: SignIn },
  given: {
    readonly organisation: string;
    readonly code: string;
    readonly password: string;
    readonly pin: string;
  },
): Promise<Claimed> {
  const { organisation, code, password, pin } = given;
  const network = await readNetwork(api);
  // Somebody who comes back after a reload has a device already, with the same key behind the same PIN.
  await signIn.newDevice(pin).catch((error: unknown) => {
    if (codeOf(error) !== 'wallet-exists') throw error;
    return signIn.unlock(pin);
  });
  const signer = await signIn.drawStaffKey();
  const ref = refOf(network, organisation, code);
  const statement = claimStatement(network, organisation, ref, signer.publicKey);
  const signature = toBase64url(await signer.sign(utf8(statement)));
  const { account } = await api.send<{ account: string }>({
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/invitations/claim`,
    body: { code, publicKey: signer.publicKey, signature, password },
    repeatable: true,
  });
  return { network, organisation, code, account, publicKey: signer.publicKey, password };
}

/** The number to be compared, until the administrator has signed; then the person is signed in. */
function Waiting({ claimed }: { readonly claimed: Claimed }) {
  const { t } = useTranslation('steward');
  const navigate = useNavigate();
  const { api } = useSession();
  const signIn = useSignIn();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const closing = new AbortController();
    const { organisation, network, code, password } = claimed;
    const enter = async (): Promise<void> => {
      const { account, roles, id, chain } = await untilEnrolled(api, { organisation, code }, closing.signal);
      await signIn.adoptStaff({ network, organisation, account, roles, id, chain }, password);
      await navigate('/');
    };
    enter().catch((problem: unknown) => {
      if (!closing.signal.aborted) setError(problem);
    });
    return () => closing.abort();
  }, [api, claimed, navigate, signIn]);
  return (
    <Stack>
      <Alert color="salus" variant="outline" title={t('join.compare')} role="status">
        <Text className={classes.number} data-testid="join-number">
          {numberOf(claimed.publicKey)}
        </Text>
        <Text>{t('join.compareText')}</Text>
      </Alert>
      <Text>{t('join.account', { account: claimed.account })}</Text>
      {error === undefined ? <Loading what={t('join.waiting')} /> : <JoinFailure error={error} />}
    </Stack>
  );
}

type Enrolled = Answer & { readonly id: string; readonly chain: readonly string[] };

/** Asks until the administrator’s signature is committed; a node that does not answer for a while is asked again. */
async function untilEnrolled(
  api: Session['api'],
  { organisation, code }: Pick<Claimed, 'organisation' | 'code'>,
  signal: AbortSignal,
): Promise<Enrolled> {
  for (;;) {
    signal.throwIfAborted();
    const path = `/api/v1/orgs/${organisation}/invitations/state`;
    const answer = await api
      .send<Answer>({ method: 'POST', path, body: { code }, repeatable: true })
      .catch((error: unknown) => {
        if (error instanceof ClientError && error.code === 'node-unreachable') return undefined;
        throw error;
      });
    if (answer !== undefined && isEnrolled(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

function isEnrolled(answer: Answer): answer is Enrolled {
  return answer.state === 'enrolled' && answer.id !== null && answer.chain !== null;
}
