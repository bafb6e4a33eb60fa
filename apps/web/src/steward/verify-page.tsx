import { Alert, Button, Group, Stack, Text, Textarea } from '@mantine/core';
import { type ApiClient, ClientError } from '@salus/client';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '../session/index.ts';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { Page } from '../ui/page.tsx';
import { QrReader } from '../ui/qr-reader.tsx';
import { placeName, useTerms } from '../ui/terms.ts';
import {
  certificateIn,
  fingerprintOf,
  judge,
  type KnownAuthorities,
  type Standing,
  type Verdict,
} from './authenticity-verdict.ts';
import { Facts } from './facts.tsx';
import { keepAuthorities, recallAuthorities } from './known-authorities.ts';
import { newestOnly } from './newest-only.ts';

const TEXT_MAX = 10_000;

/** For anybody, signed in or not: is this certificate genuine, and does it count today? */
export function VerifyPage() {
  const { t } = useTranslation('steward');
  const { api, nowMs } = useSession();
  const [text, setText] = useState('');
  const [verdict, setVerdict] = useState<Verdict>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [checks] = useState(() =>
    newestOnly<Verdict>({
      onAnswer: (answer) => {
        setBusy(false);
        setVerdict(answer);
      },
      onFailure: (reason) => {
        setBusy(false);
        setError(reason);
      },
    }),
  );
  /** A verdict stands under the text that it is on, never under another. */
  const show = (shown: string): void => {
    checks.drop();
    setBusy(false);
    setError(undefined);
    setVerdict(undefined);
    setText(shown);
  };
  const check = (shown: string): void => {
    show(shown);
    setBusy(true);
    checks.ask(() => verdictOn(api, shown, nowMs()));
  };
  return (
    <Page title={t('verify.title')} lead={t('verify.lead')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          check(text);
        }}
      >
        <Stack gap="sm" maw={640}>
          {/* Whoever holds a code before the camera has both hands full: what was read is checked at once. */}
          <QrReader onRead={(read) => check(read.slice(0, TEXT_MAX))} />
          <Textarea
            label={t('verify.paste')}
            description={t('verify.pasteHint')}
            autosize
            minRows={3}
            maxRows={8}
            maxLength={TEXT_MAX}
            value={text}
            dir="ltr"
            onChange={(event) => show(event.currentTarget.value)}
          />
          <Group>
            <Button type="submit" loading={busy} disabled={text.trim() === ''}>
              {t('verify.check')}
            </Button>
          </Group>
        </Stack>
      </form>
      {error instanceof NoAuthorities ? <Failure error={undefined} text={t('verify.noAuthorities')} /> : null}
      {error === undefined || error instanceof NoAuthorities ? null : <Failure error={error} />}
      {verdict === undefined ? null : <Shown verdict={verdict} />}
    </Page>
  );
}

class NoAuthorities extends Error {}

/** Asks the node where there is one to ask; without a connection what this device keeps must do. */
async function verdictOn(api: ApiClient, text: string, nowMs: number): Promise<Verdict> {
  const known = await readAuthorities(api, nowMs);
  const certificate = certificateIn(text);
  const standing = certificate === undefined ? undefined : await findStanding(api, fingerprintOf(certificate));
  return judge(text, known, { nowMs, standing });
}

async function readAuthorities(api: ApiClient, nowMs: number): Promise<KnownAuthorities> {
  const path = '/api/v1/authenticity/authorities';
  try {
    const { network, members } = await api.send<KnownAuthorities>({ method: 'GET', path });
    const known = { network, atMs: nowMs, members };
    await keepAuthorities(known);
    return known;
  } catch (error) {
    if (!isOffline(error)) throw error;
    const kept = await recallAuthorities();
    if (kept === undefined) throw new NoAuthorities('no authorities are kept here', { cause: error });
    return kept;
  }
}

async function findStanding(api: ApiClient, fingerprint: string): Promise<Standing | undefined> {
  try {
    return await api.send<Standing>({ method: 'GET', path: `/api/v1/authenticity/${fingerprint}` });
  } catch (error) {
    if (!isOffline(error)) throw error;
    return undefined;
  }
}

function isOffline(error: unknown): boolean {
  return error instanceof ClientError && error.code === 'node-unreachable';
}

function Shown({ verdict }: { readonly verdict: Verdict }) {
  const { t } = useTranslation('steward');
  const { date } = useTerms();
  const sound = verdict.kind === 'valid' || verdict.kind === 'signed';
  const color = verdict.kind === 'valid' ? 'green' : sound ? 'yellow' : 'red';
  const words = { date: verdict.kind === 'signed' ? date(verdict.asOfMs) : '' };
  return (
    <Alert color={color} variant="outline" title={t(`verify.${verdict.kind}`)} role="alert">
      <Stack gap="sm">
        <Text>{t(`verify.${verdict.kind}Text`, words)}</Text>
        {'facts' in verdict ? (
          <Facts
            facts={[
              [t('certificates.name'), verdict.facts.name],
              [t('certificates.licence'), verdict.facts.licence],
              [t('certificates.organisation'), placeName(verdict.facts.organisation)],
              [t('certificates.until'), <DateText key="until" value={verdict.facts.notAfterMs} />],
            ]}
          />
        ) : null}
      </Stack>
    </Alert>
  );
}
