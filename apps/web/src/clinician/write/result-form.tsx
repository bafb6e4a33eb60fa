import { Button, Group, Select, Stack, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '../../session/index.ts';
import { focusFault } from '../../ui/focus-fault.ts';
import { parseDecimal, resultOf } from './result.ts';
import { ORDERABLES, orderableOf } from './tests-to-order.ts';
import { useWriting } from './use-writing.ts';
import { Written } from './written.tsx';

const MEASURABLES = ORDERABLES.filter(({ unit }) => unit !== undefined);

export function ResultForm({ patient }: { readonly patient: string }) {
  const { t } = useTranslation('clinician');
  const { nowMs } = useSession();
  const [code, setCode] = useState<string | null>(null);
  const [value, setValue] = useState('');
  const [at, setAt] = useState('');
  const [comment, setComment] = useState('');
  const [faults, setFaults] = useState<{ readonly test?: boolean; readonly value?: boolean; readonly at?: boolean }>(
    {},
  );
  const writing = useWriting(patient);
  const test = code === null ? undefined : orderableOf(code);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const decimal = parseDecimal(value);
    const atMs = at === '' ? nowMs() : Date.parse(at);
    const lacks = {
      test: test === undefined,
      value: decimal === undefined,
      at: Number.isNaN(atMs) || atMs > nowMs(),
    };
    setFaults(lacks);
    if (Object.values(lacks).includes(true)) focusFault(event.currentTarget);
    if (test === undefined || decimal === undefined || lacks.at) return;
    writing.mutate((by) => resultOf(by, { test, value: decimal, atMs, comment: comment.trim() }), {
      onSuccess: () => {
        setValue('');
        setComment('');
      },
    });
  };
  return (
    <form noValidate onSubmit={submit} aria-label={t('write.kinds.result')}>
      <Stack>
        <Select
          label={t('result.test')}
          data={MEASURABLES.map((known) => ({ value: known.code, label: known.display }))}
          value={code}
          onChange={setCode}
          searchable
          error={faults.test === true ? t('order.noTest') : undefined}
        />
        <TextInput
          label={test?.unit === undefined ? t('result.value') : t('result.valueIn', { unit: test.unit })}
          inputMode="decimal"
          value={value}
          onChange={(event) => setValue(event.currentTarget.value)}
          error={faults.value === true ? t('result.noNumber') : undefined}
          maxLength={24}
        />
        <TextInput
          label={t('result.at')}
          description={t('result.atHint')}
          type="datetime-local"
          value={at}
          onChange={(event) => setAt(event.currentTarget.value)}
          error={faults.at === true ? t('result.inFuture') : undefined}
        />
        <TextInput
          label={t('result.comment')}
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
          maxLength={2_000}
        />
        <Group>
          <Button type="submit" loading={writing.isPending}>
            {t('result.save')}
          </Button>
        </Group>
        <Written error={writing.error} isDone={writing.isSuccess} what={t('result.saved')} />
      </Stack>
    </form>
  );
}
