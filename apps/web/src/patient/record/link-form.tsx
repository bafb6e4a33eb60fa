import { Button, Card, Group, Radio, Select, Stack, TextInput, Title } from '@mantine/core';
import { randomBytes, toBase64url } from '@salus/crypto';
import { type FormEvent, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePatient, useSession } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { useTerms } from '../../ui/terms.ts';
import { healthLinkOf, LABEL_LENGTH_MAX, sealForLink } from './health-link.ts';
import { FILE_LENGTH_MAX, hostLink, PASSCODE_LENGTH_MIN } from './health-links.ts';
import type { RecordEntry } from './record-entry.ts';
import { EVERYTHING, organisationsOf, selected } from './selection.ts';
import { SelectionFields } from './selection-fields.tsx';
import { subjectOf } from './summary-sections.ts';
import { plainBundle, summaryText } from './take-files.ts';

const DAY_MS = 86_400_000;
const DAYS = ['1', '7', '30', '90'] as const;
const PASSCODE_BYTES = 6;

export interface MadeLink {
  readonly link: string;
  readonly passcode: string;
}

type Contents = 'summary' | 'everything';

/** Chooses what a link opens, locks it on this device and hands the ciphertext to a node. */
export function LinkForm({
  entries,
  onMade,
}: {
  readonly entries: readonly RecordEntry[];
  readonly onMade: (made: MadeLink) => void;
}) {
  const { t } = useTranslation('record');
  const { place } = useTerms();
  const patient = usePatient();
  const { nowMs } = useSession();
  const id = useId();
  const [selection, setSelection] = useState(EVERYTHING);
  const [contents, setContents] = useState<Contents>('summary');
  const [label, setLabel] = useState('');
  const [days, setDays] = useState<string>(DAYS[1]);
  const [passcode, setPasscode] = useState(drawPasscode);
  const [host, setHost] = useState(patient.pids[0]!.organisation);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<{ readonly cause: unknown; readonly text?: string }>();
  const chosen = selected(entries, selection);
  const isShort = passcode.length < PASSCODE_LENGTH_MIN;
  const hasSubject = subjectOf(chosen) !== undefined;
  const isReady = !isShort && chosen.length > 0 && (contents === 'everything' || hasSubject);

  const make = async (): Promise<MadeLink | undefined> => {
    const now = nowMs();
    const organisations = new Map(organisationsOf(chosen).map((slug) => [slug, place(slug)]));
    const text =
      contents === 'everything'
        ? await plainBundle(patient, chosen)
        : summaryText(chosen, { nowMs: now, organisations });
    if (text === undefined) return undefined;
    const { key, file } = await sealForLink(text);
    if (file.jwe.length > FILE_LENGTH_MAX) {
      setError({ cause: undefined, text: t('links.tooLarge') });
      return undefined;
    }
    const { pid } = patient.pids.find(({ organisation }) => organisation === host)!;
    const wanted = { file, expiresMs: now + Number(days) * DAY_MS, passcode };
    const hosted = await hostLink(await patient.at(pid), wanted);
    return { link: healthLinkOf({ ...hosted, key, label }), passcode };
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!isReady) return;
    setBusy(true);
    setError(undefined);
    make()
      .then(
        (made) => {
          if (made !== undefined) onMade(made);
        },
        (cause: unknown) => setError({ cause }),
      )
      .finally(() => setBusy(false));
  };
  return (
    <Card withBorder padding="md" component="form" onSubmit={submit} aria-labelledby={id}>
      <Stack gap="md" align="flex-start">
        <Title order={2} size="h3" id={id}>
          {t('links.new')}
        </Title>
        <Radio.Group label={t('links.what')} value={contents} onChange={(value) => setContents(value as Contents)}>
          <Stack gap="xs" mt="xs">
            <Radio value="summary" label={t('links.summary')} />
            <Radio value="everything" label={t('links.everything', { count: chosen.length })} />
          </Stack>
        </Radio.Group>
        <SelectionFields entries={entries} selection={selection} onChange={setSelection} />
        <Group align="flex-start" w="100%">
          <TextInput
            label={t('links.label')}
            description={t('links.labelHint')}
            value={label}
            maxLength={LABEL_LENGTH_MAX}
            onChange={({ currentTarget }) => setLabel(currentTarget.value)}
            flex="1 1 14rem"
          />
          <TextInput
            label={t('links.passcode')}
            description={t('links.passcodeHint')}
            error={isShort ? t('links.passcodeShort') : undefined}
            value={passcode}
            onChange={({ currentTarget }) => setPasscode(currentTarget.value)}
            autoComplete="off"
            flex="1 1 14rem"
          />
        </Group>
        <Group align="flex-start" w="100%">
          <Select
            label={t('links.days')}
            data={DAYS.map((value) => ({ value, label: t('links.day', { count: Number(value) }) }))}
            value={days}
            onChange={(value) => setDays(value ?? DAYS[1])}
            allowDeselect={false}
            flex="1 1 12rem"
          />
          <Select
            label={t('links.place')}
            data={patient.pids.map(({ organisation }) => ({ value: organisation, label: place(organisation) }))}
            value={host}
            onChange={(value) => setHost(value ?? host)}
            allowDeselect={false}
            flex="1 1 12rem"
          />
        </Group>
        {error === undefined ? null : (
          <Failure error={error.cause} {...(error.text === undefined ? {} : { text: error.text })} />
        )}
        <Button type="submit" loading={busy} disabled={!isReady}>
          {t('links.make')}
        </Button>
      </Stack>
    </Card>
  );
}

/** 48 random bits: enough, where ten wrong tries end it. */
function drawPasscode(): string {
  return toBase64url(randomBytes(PASSCODE_BYTES));
}
