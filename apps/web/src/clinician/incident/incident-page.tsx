import {
  Alert,
  Button,
  Code,
  CopyButton,
  Group,
  Radio,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
  Title,
} from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../../session/index.ts';
import { DateText } from '../../ui/date-text.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { focusFault } from '../../ui/focus-fault.ts';
import { Page } from '../../ui/page.tsx';
import { AREAS, HARMS, type Incident, readNotes, reportIncident } from './incidents.ts';

const TEXT_MAX = 8_000;

/** A clinical error or a near miss: append-only, without the name of whoever reports it. */
export function IncidentPage() {
  const { t } = useTranslation('urgent');
  const { session } = useStaff();
  const report = useMutation({ mutationFn: (incident: Incident) => reportIncident(session, incident) });
  return (
    <Page title={t('incident.title')} lead={t('incident.lead')}>
      {report.isSuccess ? (
        <Receipt incident={report.data.incident} receipt={report.data.receipt} onNext={() => report.reset()} />
      ) : (
        <IncidentForm onSubmit={(incident) => report.mutate(incident)} isBusy={report.isPending} />
      )}
      <div aria-live="polite">{report.isError ? <Failure error={report.error} /> : null}</div>
      <Answers />
    </Page>
  );
}

function IncidentForm({
  onSubmit,
  isBusy,
}: {
  readonly onSubmit: (incident: Incident) => void;
  readonly isBusy: boolean;
}) {
  const { t } = useTranslation('urgent');
  const [kind, setKind] = useState<Incident['kind']>('near-miss');
  const [area, setArea] = useState<Incident['area']>('medication');
  const [harm, setHarm] = useState<Incident['harm']>('none');
  const [day, setDay] = useState('');
  const [text, setText] = useState('');
  const [isEmpty, setEmpty] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (text.trim() === '') focusFault(event.currentTarget);
    setEmpty(text.trim() === '');
    if (text.trim() !== '') onSubmit({ kind, area, harm, text: text.trim(), day: day === '' ? null : day });
  };
  return (
    <form noValidate onSubmit={submit} aria-label={t('incident.title')} autoComplete="off">
      <Stack maw={640}>
        <Radio.Group
          label={t('incident.kind')}
          value={kind}
          onChange={(value) => setKind(value === 'error' ? 'error' : 'near-miss')}
        >
          <Group mt="xs">
            <Radio value="near-miss" label={t('incident.nearMiss')} />
            <Radio value="error" label={t('incident.error')} />
          </Group>
        </Radio.Group>
        <Select
          label={t('incident.area')}
          data={AREAS.map((value) => ({ value, label: t(`incident.areas.${value}`) }))}
          value={area}
          onChange={(value) => setArea(AREAS.find((known) => known === value) ?? 'other')}
          allowDeselect={false}
        />
        <Select
          label={t('incident.harm')}
          data={HARMS.map((value) => ({ value, label: t(`incident.harms.${value}`) }))}
          value={harm}
          onChange={(value) => setHarm(HARMS.find((known) => known === value) ?? 'none')}
          allowDeselect={false}
        />
        <TextInput
          label={t('incident.day')}
          type="date"
          value={day}
          onChange={(event) => setDay(event.currentTarget.value)}
        />
        <Textarea
          label={t('incident.text')}
          description={t('incident.textHint')}
          autosize
          minRows={5}
          maxLength={TEXT_MAX}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={isEmpty ? t('incident.empty') : undefined}
        />
        <Group>
          <Button type="submit" loading={isBusy}>
            {t('incident.send')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Receipt({
  incident,
  receipt,
  onNext,
}: {
  readonly incident: string;
  readonly receipt: string;
  readonly onNext: () => void;
}) {
  const { t } = useTranslation('urgent');
  const text = `${incident} ${receipt}`;
  return (
    <Alert color="salus.8" variant="outline" title={t('incident.sent')} role="status">
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{t('incident.receipt')}</Text>
        <Code block className="break-anywhere">
          {text}
        </Code>
        <Group>
          <CopyButton value={text}>
            {({ copied, copy }) => (
              <Button size="xs" variant="default" onClick={copy}>
                {t(copied ? 'incident.copied' : 'incident.copy')}
              </Button>
            )}
          </CopyButton>
          <Button size="xs" variant="default" onClick={onNext}>
            {t('incident.another')}
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}

/** The way back of whoever reported: the receipt shows what was noted, and tells nobody who asks. */
function Answers() {
  const { t } = useTranslation('urgent');
  const { session } = useStaff();
  const [receipt, setReceipt] = useState('');
  const notes = useMutation({ mutationFn: (text: string) => readNotes(session, text) });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    notes.mutate(receipt);
  };
  return (
    <Stack component="section" aria-labelledby="incident-answers" maw={640}>
      <Title order={2} size="h3" id="incident-answers">
        {t('incident.answers')}
      </Title>
      <form noValidate onSubmit={submit}>
        <Group align="flex-end">
          <TextInput
            label={t('incident.receiptField')}
            value={receipt}
            onChange={(event) => setReceipt(event.currentTarget.value)}
            maxLength={200}
            flex={1}
            miw={200}
          />
          <Button type="submit" variant="default" loading={notes.isPending} disabled={receipt.trim() === ''}>
            {t('incident.show')}
          </Button>
        </Group>
      </form>
      <div aria-live="polite">
        {notes.isError ? <Failure error={notes.error} text={t('incident.noReceipt')} /> : null}
        {notes.data?.notes.length === 0 ? <Empty text={t('incident.noAnswers')} /> : null}
        {notes.data?.notes.map(({ text, atMs }) => (
          <Text key={atMs} size="sm">
            <DateText value={atMs} withTime /> · {text}
          </Text>
        ))}
      </div>
    </Stack>
  );
}
