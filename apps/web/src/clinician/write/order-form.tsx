import { Alert, Button, Group, List, Select, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { valuesOf } from '../../fhir/value.ts';
import { useSession } from '../../session/index.ts';
import { DateText } from '../../ui/date-text.tsx';
import { focusFault } from '../../ui/focus-fault.ts';
import { useTerms } from '../../ui/terms.ts';
import type { ChartEntry } from '../chart/chart-entry.ts';
import { type Duplicate, duplicatesOf } from './duplicates.ts';
import { ORDER_PRIORITIES, ORDER_TEXT_MAX, type OrderPriority, orderOf } from './order.ts';
import { ORDERABLES, orderableOf } from './tests-to-order.ts';
import { useWriting } from './use-writing.ts';
import { Written } from './written.tsx';

const LABORATORY = ORDERABLES.filter(({ category }) => category === 'laboratory');

/** A test that exists within its validity is shown with its result, and asks for a reason before it is ordered again. */
export function OrderForm({ patient, entries }: { readonly patient: string; readonly entries: readonly ChartEntry[] }) {
  const { t } = useTranslation('clinician');
  const { nowMs } = useSession();
  const [code, setCode] = useState<string | null>(null);
  const [priority, setPriority] = useState<OrderPriority>('routine');
  const [question, setQuestion] = useState('');
  const [whyAgain, setWhyAgain] = useState('');
  const [faults, setFaults] = useState<{ readonly test?: boolean; readonly why?: boolean }>({});
  const writing = useWriting(patient);
  const test = code === null ? undefined : orderableOf(code);
  const duplicates = test === undefined || writing.isSuccess ? [] : duplicatesOf(entries, test, nowMs());
  const choose = (value: string | null): void => {
    writing.reset();
    setCode(value);
    setWhyAgain('');
    setFaults({});
  };
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const lacks = { test: test === undefined, why: duplicates.length > 0 && whyAgain.trim() === '' };
    setFaults(lacks);
    if (Object.values(lacks).includes(true)) focusFault(event.currentTarget);
    if (test === undefined || lacks.why) return;
    writing.mutate((by) => orderOf(by, { test, priority, question: question.trim(), whyAgain: whyAgain.trim() }), {
      onSuccess: () => setQuestion(''),
    });
  };
  return (
    <form noValidate onSubmit={submit} aria-label={t('write.kinds.order')}>
      <Stack>
        <Select
          label={t('order.test')}
          data={LABORATORY.map((known) => ({ value: known.code, label: known.display }))}
          value={code}
          onChange={choose}
          searchable
          error={faults.test === true ? t('order.noTest') : undefined}
        />
        <div aria-live="polite">
          {test === undefined || duplicates.length === 0 ? null : <Duplicates duplicates={duplicates} />}
        </div>
        {duplicates.length === 0 ? null : (
          <TextInput
            label={t('order.whyAgain')}
            required
            maxLength={ORDER_TEXT_MAX}
            value={whyAgain}
            onChange={(event) => setWhyAgain(event.currentTarget.value)}
            error={faults.why === true ? t('order.noReason') : undefined}
          />
        )}
        <Select
          label={t('order.priority')}
          data={ORDER_PRIORITIES.map((value) => ({ value, label: t(`order.priorities.${value}`) }))}
          value={priority}
          onChange={(value) => setPriority(ORDER_PRIORITIES.find((known) => known === value) ?? 'routine')}
          allowDeselect={false}
        />
        <Textarea
          label={t('order.question')}
          autosize
          minRows={2}
          maxLength={ORDER_TEXT_MAX}
          value={question}
          onChange={(event) => setQuestion(event.currentTarget.value)}
        />
        <Group>
          <Button type="submit" loading={writing.isPending}>
            {t('order.save')}
          </Button>
        </Group>
        <Written error={writing.error} isDone={writing.isSuccess} what={t('order.saved')} />
      </Stack>
    </form>
  );
}

function Duplicates({ duplicates }: { readonly duplicates: readonly Duplicate[] }) {
  const { t, i18n } = useTranslation('clinician');
  const terms = useTerms();
  return (
    <Alert color="#9a3400" variant="outline" title={t('order.exists')}>
      <List size="sm">
        {duplicates.map((duplicate) => (
          <List.Item key={duplicate.entry.key}>
            <Text size="sm" fw={600} span>
              {duplicate.kind === 'result'
                ? valuesOf(duplicate.entry.resource, i18n.language)
                    .map(({ text }) => text)
                    .join('; ')
                : t('order.waits')}
            </Text>{' '}
            <DateText value={duplicate.entry.atMs} /> · {terms.place(duplicate.entry.organisation)}
            {duplicate.kind === 'result' ? (
              <>
                {' · '}
                {t('order.validUntil')} <DateText value={duplicate.validUntilMs} />
              </>
            ) : null}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}
