import { Alert, Button, Group, List, NumberInput, Select, Stack, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { conceptText } from '../../fhir/concept.ts';
import { focusFault } from '../../ui/focus-fault.ts';
import { useTerms } from '../../ui/terms.ts';
import type { ChartEntry } from '../chart/chart-entry.ts';
import { PRESCRIBABLES } from './medicines.ts';
import {
  allergiesTo,
  PRESCRIPTION_DAYS_MAX,
  PRESCRIPTION_TEXT_MAX,
  prescriptionOf,
  REPEATS_MAX,
} from './prescription.ts';
import { useWriting } from './use-writing.ts';
import { Written } from './written.tsx';

const DAYS_USUAL = 28;

export function PrescriptionForm({
  patient,
  entries,
}: {
  readonly patient: string;
  readonly entries: readonly ChartEntry[];
}) {
  const { t } = useTranslation('clinician');
  const [code, setCode] = useState<string | null>(null);
  const [dosage, setDosage] = useState('');
  const [days, setDays] = useState<number>(DAYS_USUAL);
  const [repeats, setRepeats] = useState<number>(0);
  const [whyDespite, setWhyDespite] = useState('');
  const [faults, setFaults] = useState<{
    readonly medicine?: boolean;
    readonly dosage?: boolean;
    readonly why?: boolean;
  }>({});
  const writing = useWriting(patient);
  const medicine = PRESCRIBABLES.find((known) => known.code === code);
  const allergies = medicine === undefined ? [] : allergiesTo(entries, medicine);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const lacks = {
      medicine: medicine === undefined,
      dosage: dosage.trim() === '',
      why: allergies.length > 0 && whyDespite.trim() === '',
    };
    setFaults(lacks);
    if (Object.values(lacks).includes(true)) focusFault(event.currentTarget);
    if (medicine === undefined || lacks.dosage || lacks.why) return;
    writing.mutate(
      (by) => prescriptionOf(by, { medicine, dosage: dosage.trim(), days, repeats, whyDespite: whyDespite.trim() }),
      { onSuccess: () => setDosage('') },
    );
  };
  return (
    <form noValidate onSubmit={submit} aria-label={t('write.kinds.prescription')}>
      <Stack>
        <Select
          label={t('prescription.medicine')}
          data={PRESCRIBABLES.map((known) => ({ value: known.code, label: known.display }))}
          value={code}
          onChange={(value) => {
            setCode(value);
            setWhyDespite('');
            writing.reset();
          }}
          searchable
          error={faults.medicine === true ? t('prescription.noMedicine') : undefined}
        />
        <div aria-live="polite">{allergies.length === 0 ? null : <Allergies allergies={allergies} />}</div>
        {allergies.length === 0 ? null : (
          <TextInput
            label={t('prescription.whyDespite')}
            required
            value={whyDespite}
            onChange={(event) => setWhyDespite(event.currentTarget.value)}
            error={faults.why === true ? t('order.noReason') : undefined}
            maxLength={PRESCRIPTION_TEXT_MAX}
          />
        )}
        <Textarea
          label={t('prescription.dosage')}
          description={t('prescription.dosageHint')}
          autosize
          minRows={2}
          value={dosage}
          onChange={(event) => setDosage(event.currentTarget.value)}
          error={faults.dosage === true ? t('prescription.noDosage') : undefined}
          maxLength={PRESCRIPTION_TEXT_MAX}
        />
        <Group grow align="flex-start">
          <NumberInput
            label={t('prescription.days')}
            value={days}
            onChange={(value) => setDays(wholeOf(value, DAYS_USUAL))}
            min={1}
            max={PRESCRIPTION_DAYS_MAX}
            allowDecimal={false}
          />
          <NumberInput
            label={t('prescription.repeats')}
            value={repeats}
            onChange={(value) => setRepeats(wholeOf(value, 0))}
            min={0}
            max={REPEATS_MAX}
            allowDecimal={false}
          />
        </Group>
        <Group>
          <Button type="submit" loading={writing.isPending}>
            {t('prescription.save')}
          </Button>
        </Group>
        <Written error={writing.error} isDone={writing.isSuccess} what={t('prescription.saved')} />
      </Stack>
    </form>
  );
}

function wholeOf(value: string | number, otherwise: number): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : otherwise;
}

function Allergies({ allergies }: { readonly allergies: readonly ChartEntry[] }) {
  const { t } = useTranslation('clinician');
  const terms = useTerms();
  return (
    <Alert color="red.9" variant="outline" title={t('prescription.allergy')}>
      <List size="sm">
        {allergies.map(({ key, resource, organisation }) => (
          <List.Item key={key}>
            {conceptText(resource.code)} · {terms.place(organisation)}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}
