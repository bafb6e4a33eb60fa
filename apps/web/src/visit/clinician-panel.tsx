import { Button, Group, NativeSelect, NumberInput, Text, Textarea } from '@mantine/core';
import { inOrder, OFFERED_MEDICINES, OFFERED_TESTS, taskKey } from '@salus/fhir/visit';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { useTerms } from '../ui/terms.ts';
import { Panel } from './panel.tsx';
import type { Acting } from './use-visits.ts';
import type { VisitView } from './visit-api.ts';

const NOTE_MAX = 1_000;
const QUANTITY_MAX = 1_000;

interface Props {
  readonly view: VisitView;
  readonly acting: Acting;
}

/** What the clinician can do in a visit: begin it, order, prescribe, ask again, end it. */
export function ClinicianPanel({ view, acting }: Props) {
  const { t } = useTranslation('visit');
  const status = view.course.get('consultation.1')?.status;
  if (status === 'requested') {
    return (
      <Panel title={t('clinician.begin')}>
        <Text>{t('clinician.beginText')}</Text>
        <Group>
          <Button onClick={() => void acting.act('beginning')} loading={acting.busy}>
            {t('clinician.begin')}
          </Button>
        </Group>
      </Panel>
    );
  }
  return (
    <>
      <Rejected view={view} acting={acting} />
      {status === 'in-progress' ? (
        <>
          <OrderForm view={view} acting={acting} />
          <PrescriptionForm view={view} acting={acting} />
          <Group>
            <ConfirmButton
              label={t('clinician.close')}
              question={t('clinician.closeQuestion')}
              consequence={t('clinician.closeText')}
              variant="outline"
              onConfirm={async () => {
                await acting.act('closing');
              }}
            />
          </Group>
        </>
      ) : null}
    </>
  );
}

/** What was sent back: it can be asked for again as it was, without writing it anew. */
function Rejected({ view, acting }: Props) {
  const { t } = useTranslation('visit');
  const rejected = inOrder(view.course).filter(
    ({ step, status }) => status === 'rejected' && (step === 'laboratory-order' || step === 'prescription'),
  );
  return rejected.map((task) => (
    <Panel key={taskKey(task)} title={`${t(`steps.${task.step}`)}: ${t('status.rejected')}`}>
      <Text>{task.reason === 'not-agreed' ? t('notAgreed') : t('sentBack', { reason: task.reason ?? '' })}</Text>
      <Group>
        <Button onClick={() => void acting.act('requests', { task: taskKey(task) })} loading={acting.busy}>
          {t('clinician.again')}
        </Button>
      </Group>
    </Panel>
  ));
}

function OrderForm({ view, acting }: Props) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const [test, setTest] = useState(OFFERED_TESTS[0]?.code ?? '');
  const [note, setNote] = useState('');
  const { laboratory } = view.agreed;
  if (laboratory === null) return <Text>{t('clinician.noLaboratory')}</Text>;
  const send = async (): Promise<void> => {
    if (await acting.act('orders', note.trim() === '' ? { test } : { test, note: note.trim() })) setNote('');
  };
  return (
    <Panel title={t('clinician.order')}>
      <NativeSelect
        label={t('clinician.test')}
        value={test}
        onChange={(event) => setTest(event.currentTarget.value)}
        data={OFFERED_TESTS.map(({ code, display }) => ({ value: code, label: display }))}
      />
      <Textarea
        label={t('clinician.note')}
        maxLength={NOTE_MAX}
        rows={2}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
      <Group>
        <Button onClick={() => void send()} loading={acting.busy}>
          {t('clinician.sendOrder', { organisation: terms.place(laboratory.organisation) })}
        </Button>
      </Group>
    </Panel>
  );
}

function PrescriptionForm({ view, acting }: Props) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const [medicine, setMedicine] = useState(OFFERED_MEDICINES[0]?.code ?? '');
  const offered = OFFERED_MEDICINES.find(({ code }) => code === medicine);
  // Undefined: as usual for the medicine.
  const [directions, setDirections] = useState<string>();
  const [quantity, setQuantity] = useState<number>();
  const { pharmacy } = view.agreed;
  if (pharmacy === null) return <Text>{t('clinician.noPharmacy')}</Text>;
  const choose = (code: string): void => {
    setMedicine(code);
    setDirections(undefined);
    setQuantity(undefined);
  };
  const whole = { directions: directions ?? offered?.directions ?? '', quantity: quantity ?? offered?.quantity ?? 1 };
  return (
    <Panel title={t('clinician.prescribe')}>
      <NativeSelect
        label={t('clinician.medicine')}
        value={medicine}
        onChange={(event) => choose(event.currentTarget.value)}
        data={OFFERED_MEDICINES.map(({ code, display }) => ({ value: code, label: display }))}
      />
      <Textarea
        label={t('facts.directions')}
        maxLength={NOTE_MAX}
        rows={2}
        value={whole.directions}
        onChange={(event) => setDirections(event.currentTarget.value)}
      />
      <NumberInput
        label={t('facts.quantity')}
        min={1}
        max={QUANTITY_MAX}
        allowDecimal={false}
        hideControls
        value={whole.quantity}
        onChange={(value) => setQuantity(typeof value === 'number' ? value : undefined)}
      />
      <Group>
        <Button
          onClick={() => void acting.act('prescriptions', { medicine, ...whole })}
          loading={acting.busy}
          disabled={whole.directions.trim() === ''}
        >
          {t('clinician.sendOrder', { organisation: terms.place(pharmacy.organisation) })}
        </Button>
      </Group>
    </Panel>
  );
}
