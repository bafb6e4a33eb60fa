import { Alert, Button, Group, List, NumberInput, Select, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { EMERGENCY_REASONS } from '@salus/contracts';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../../session/index.ts';
import { codeOf } from '../../ui/code-of.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { focusFault } from '../../ui/focus-fault.ts';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { parsePatientCode } from '../../ui/patient-code.ts';
import { QrReader } from '../../ui/qr-reader.tsx';
import { OneOf } from '../one-of.tsx';
import { EmergencyRecords } from './emergency-records.tsx';
import { readCard } from './read-card.ts';
import {
  breakGlass,
  type EmergencyNeed,
  type EmergencyReason,
  type EmergencyWho,
  emergencyRole,
} from './use-emergency.ts';

const WAYS = ['name', 'number', 'code', 'card'] as const;
type Way = (typeof WAYS)[number];
const HOURS_MAX = 8;
const TEXT_MIN = 10;
const TEXT_MAX = 2_000;
const EMPTY = { name: '', birthDate: '', number: '', code: '', card: '' };
type Fields = typeof EMPTY;

/** Breaks the glass: what it does, what it cannot reach, whose record, why; then the record. */
export function EmergencyPage() {
  const { t } = useTranslation(['urgent', 'clinician']);
  const staff = useStaff();
  const [progress, setProgress] = useState<{ readonly done: number; readonly of: number }>();
  const open = useMutation({
    mutationFn: (need: EmergencyNeed) => breakGlass(staff, need, (done, of) => setProgress({ done, of })),
  });
  if (emergencyRole(staff) === undefined) {
    return (
      <Page title={t('emergency.title')}>
        <Empty text={t('emergency.notYou')} />
      </Page>
    );
  }
  if (open.isSuccess) return <EmergencyRecords opened={open.data} onClose={() => open.reset()} />;
  return (
    <Page title={t('emergency.title')} lead={t('emergency.lead')}>
      <Alert color="red.9" variant="outline" title={t('emergency.whatHappens')}>
        <List size="sm">
          <List.Item>{t('emergency.seen')}</List.Item>
          <List.Item>{t('emergency.reviewed')}</List.Item>
          <List.Item>{t('emergency.ends')}</List.Item>
        </List>
        <Text size="sm" fw={600} mt="sm">
          {t('emergency.beyondTitle')}
        </Text>
        <List size="sm">
          <List.Item>{t('emergency.beyond.elsewhere')}</List.Item>
          <List.Item>{t('emergency.beyond.card')}</List.Item>
          <List.Item>{t('emergency.beyond.denied')}</List.Item>
          <List.Item>{t('emergency.beyond.writing')}</List.Item>
        </List>
      </Alert>
      <EmergencyForm onSubmit={(need) => open.mutate(need)} isBusy={open.isPending} />
      <div aria-live="assertive">
        {open.isPending ? (
          <Loading what={progress === undefined ? t('emergency.opening') : t('emergency.reading', progress)} />
        ) : null}
        {open.isError ? (
          <Failure
            error={open.error}
            text={t(codeOf(open.error) === 'not-found' ? 'emergency.notFound' : 'emergency.failed')}
          />
        ) : null}
      </div>
    </Page>
  );
}

type Faults = Partial<Record<'who' | 'reason' | 'text', boolean>>;

function EmergencyForm({
  onSubmit,
  isBusy,
}: {
  readonly onSubmit: (need: EmergencyNeed) => void;
  readonly isBusy: boolean;
}) {
  const { t } = useTranslation(['urgent', 'clinician']);
  const { organisation } = useStaff();
  const [way, setWay] = useState<Way>('name');
  const [fields, setFields] = useState<Fields>(EMPTY);
  const [reason, setReason] = useState<EmergencyReason | undefined>();
  const [text, setText] = useState('');
  const [hours, setHours] = useState(1);
  const [faults, setFaults] = useState<Faults>({});
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const who = whoOf(way, fields, organisation);
    const lacks = { who: who === undefined, reason: reason === undefined, text: text.trim().length < TEXT_MIN };
    setFaults(lacks);
    if (Object.values(lacks).includes(true)) focusFault(event.currentTarget);
    if (who !== undefined && reason !== undefined && !lacks.text) onSubmit({ who, reason, text: text.trim(), hours });
  };
  return (
    <form noValidate onSubmit={submit} aria-label={t('emergency.title')} autoComplete="off">
      <Stack maw={640}>
        <OneOf
          label={t('emergency.way')}
          choices={WAYS.map((value) => ({ value, label: t(`emergency.ways.${value}`) }))}
          value={way}
          onChange={setWay}
        />
        <WhoFields
          way={way}
          fields={fields}
          fault={faults.who === true ? t(`emergency.faults.${way}`) : undefined}
          onChange={(name, value) => setFields((before) => ({ ...before, [name]: value }))}
        />
        <Select
          label={t('emergency.reason')}
          data={EMERGENCY_REASONS.map((value) => ({ value, label: t(`emergency.reasons.${value}`) }))}
          value={reason ?? null}
          onChange={(value) => setReason(EMERGENCY_REASONS.find((known) => known === value))}
          error={faults.reason === true ? t('emergency.faults.reason') : undefined}
        />
        <Textarea
          label={t('emergency.text')}
          description={t('emergency.textHint')}
          autosize
          minRows={3}
          maxLength={TEXT_MAX}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={faults.text === true ? t('emergency.faults.text') : undefined}
        />
        <NumberInput
          label={t('emergency.hours')}
          value={hours}
          onChange={(value) => setHours(typeof value === 'number' && Number.isInteger(value) ? value : 1)}
          min={1}
          max={HOURS_MAX}
          allowDecimal={false}
        />
        <Group>
          <Button type="submit" color="red.9" loading={isBusy}>
            {t('emergency.open')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function whoOf(way: Way, fields: Fields, own: string): EmergencyWho | undefined {
  switch (way) {
    case 'name': {
      const { name, birthDate } = fields;
      if (name.trim().split(/\s+/).length < 2 || birthDate === '') return undefined;
      return { kind: 'described', described: { name, birthDate } };
    }
    case 'number':
      return fields.number.trim() === ''
        ? undefined
        : { kind: 'described', described: { identifier: fields.number.trim() } };
    case 'code': {
      const code = parsePatientCode(fields.code, own);
      return code?.organisation === own ? { kind: 'pid', pid: code.pid } : undefined;
    }
    case 'card': {
      const card = readCard(fields.card);
      return card === undefined ? undefined : { kind: 'card', card };
    }
  }
}

function WhoFields({
  way,
  fields,
  fault,
  onChange,
}: {
  readonly way: Way;
  readonly fields: Fields;
  readonly fault: string | undefined;
  readonly onChange: (name: keyof Fields, value: string) => void;
}) {
  const { t } = useTranslation(['urgent', 'clinician']);
  const bind = (name: keyof Fields) => ({
    value: fields[name],
    onChange: (event: { readonly currentTarget: { readonly value: string } }) =>
      onChange(name, event.currentTarget.value),
  });
  switch (way) {
    case 'name':
      return (
        <Group grow align="flex-start" preventGrowOverflow={false}>
          <TextInput label={t('emergency.name')} error={fault} maxLength={200} {...bind('name')} />
          <TextInput label={t('clinician:find.birthDate')} type="date" {...bind('birthDate')} />
        </Group>
      );
    case 'number':
      return <TextInput label={t('clinician:find.identifier')} error={fault} maxLength={200} {...bind('number')} />;
    case 'code':
      return (
        <>
          <TextInput
            label={t('clinician:find.code')}
            description={t('clinician:find.codeHint')}
            error={fault}
            maxLength={200}
            {...bind('code')}
          />
          <QrReader onRead={(text) => onChange('code', text)} />
        </>
      );
    case 'card':
      return (
        <>
          <Textarea
            label={t('emergency.card')}
            description={t('emergency.cardHint')}
            error={fault}
            autosize
            minRows={3}
            maxRows={8}
            {...bind('card')}
          />
          <QrReader onRead={(text) => onChange('card', text)} />
        </>
      );
  }
}
