import { Button, Group, Text, Textarea, TextInput } from '@mantine/core';
import { inOrder, OFFERED_TESTS, taskKey, type VisitTask } from '@salus/fhir/visit';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useTerms } from '../ui/terms.ts';
import { orderedCode } from './ordered-code.ts';
import { Panel } from './panel.tsx';
import { ReasonForm } from './reason-form.tsx';
import type { Acting } from './use-visits.ts';
import type { VisitView } from './visit-api.ts';

const DECIMAL = /^-?\d{1,9}(\.\d{1,6})?$/;
const WORDS_MAX = 1_000;
const LOT_MAX = 40;

interface TaskProps {
  readonly task: VisitTask;
  readonly acting: Acting;
}

/** What laboratory and pharmacy do with an order: take it up or send it back, then fulfil it. */
export function FulfilmentPanel({ view, acting }: { readonly view: VisitView; readonly acting: Acting }) {
  const open = inOrder(view.course).filter(({ status }) => status === 'requested' || status === 'accepted');
  return open.map((task) => {
    const key = taskKey(task);
    if (task.status === 'requested') return <TakeUp key={key} task={task} acting={acting} />;
    return task.step === 'prescription' ? (
      <DispenseForm key={key} task={task} acting={acting} />
    ) : (
      <ResultForm key={key} task={task} acting={acting} />
    );
  });
}

function TakeUp({ task, acting }: TaskProps) {
  const { t } = useTranslation('visit');
  const name = task.step === 'prescription' ? 'prescription' : 'order';
  return (
    <Panel title={t('fulfil.accept')}>
      <Text>{t('fulfil.acceptText')}</Text>
      <Group>
        <Button onClick={() => void acting.act(`${name}-acceptance`, { task: taskKey(task) })} loading={acting.busy}>
          {t('fulfil.accept')}
        </Button>
      </Group>
      <SendBack task={task} acting={acting} />
    </Panel>
  );
}

function SendBack({ task, acting }: TaskProps) {
  const { t } = useTranslation('visit');
  const name = task.step === 'prescription' ? 'prescription' : 'order';
  return (
    <ReasonForm
      label={t('fulfil.rejectReason')}
      button={t('fulfil.reject')}
      missing={t('fulfil.rejectMissing')}
      busy={acting.busy}
      onSend={(reason) => void acting.act(`${name}-rejection`, { task: taskKey(task), reason })}
    />
  );
}

function ResultForm({ task, acting }: TaskProps) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const test = OFFERED_TESTS.find(({ code }) => code === orderedCode(task.parts.order));
  const measures = test?.measures ?? [];
  const [values, setValues] = useState<readonly string[]>(() => measures.map(() => ''));
  const [conclusion, setConclusion] = useState('');
  const [wrong, setWrong] = useState<readonly boolean[]>([]);
  const send = (): void => {
    const found = values.map((value) => !DECIMAL.test(value.trim()));
    setWrong(found);
    if (found.some(Boolean)) return;
    const given = { task: taskKey(task), values: values.map((value) => value.trim()) };
    void acting.act('results', conclusion.trim() === '' ? given : { ...given, conclusion: conclusion.trim() });
  };
  return (
    <Panel title={t('fulfil.report')}>
      {measures.map(({ code, display, unit }, at) => (
        <TextInput
          key={code}
          label={t('fulfil.value', { measure: display, unit })}
          inputMode="decimal"
          value={values[at] ?? ''}
          error={wrong[at] === true ? t('fulfil.valueWrong') : undefined}
          onChange={(event) => setValues(values.with(at, event.currentTarget.value))}
        />
      ))}
      <Textarea
        label={t('facts.conclusion')}
        maxLength={WORDS_MAX}
        rows={2}
        value={conclusion}
        onChange={(event) => setConclusion(event.currentTarget.value)}
      />
      <Group>
        <Button onClick={send} loading={acting.busy}>
          {t('fulfil.sendResult', { organisation: terms.place(task.requester) })}
        </Button>
      </Group>
      <SendBack task={task} acting={acting} />
    </Panel>
  );
}

function DispenseForm({ task, acting }: TaskProps) {
  const { t } = useTranslation('visit');
  const [lot, setLot] = useState('');
  const send = (): void => {
    const given = { task: taskKey(task) };
    void acting.act('dispenses', lot.trim() === '' ? given : { ...given, lot: lot.trim() });
  };
  return (
    <Panel title={t('fulfil.dispense')}>
      <TextInput
        label={t('fulfil.lotLabel')}
        maxLength={LOT_MAX}
        value={lot}
        onChange={(event) => setLot(event.currentTarget.value)}
      />
      <Group>
        <Button onClick={send} loading={acting.busy}>
          {t('fulfil.dispense')}
        </Button>
      </Group>
      <SendBack task={task} acting={acting} />
    </Panel>
  );
}
