import { type FhirTree, isTree, listOf, numberLiteral, stringOf } from '@salus/fhir/parse';
import { reasonOf, startOf, type VisitCourse, type VisitTask } from '@salus/fhir/visit';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { DateText } from '../ui/date-text.tsx';
import { Answers } from './answers.tsx';
import { Facts } from './facts.tsx';

type Fact = readonly [name: string, value: ReactNode];

/** What a step carries, in the words of whoever wrote it: nobody writes it again. */
export function StepFacts({ task }: { readonly task: VisitTask }) {
  const { t } = useTranslation('visit');
  const { appointment, response, order, report, prescription, dispense } = task.parts;
  // It carries what the appointment does, for whoever sees it alone.
  if (task.step === 'consultation') return null;
  const start = startOf(appointment);
  const given: (Fact | undefined)[] = [
    factOf(t('facts.reason'), reasonOf(appointment ?? order ?? prescription)),
    start === undefined
      ? undefined
      : [
          t(appointment?.status === 'proposed' ? 'facts.wished' : 'facts.time'),
          <DateText key="start" value={start} withTime />,
        ],
    factOf(t('facts.order'), conceptText(order?.code), 'en'),
    factOf(t('facts.note'), noteOf(order)),
    ...observationsOf(task).map((observation): Fact => [t('facts.result'), quantityOf(observation)]),
    factOf(t('facts.conclusion'), stringOf(report?.conclusion)),
    factOf(t('facts.medicine'), conceptText(prescription?.medicationCodeableConcept), 'en'),
    factOf(t('facts.directions'), directionsOf(prescription)),
    factOf(t('facts.quantity'), quantityToDispense(prescription)),
    factOf(t('facts.lot'), noteOf(dispense)?.replace(/^Lot /, '')),
  ];
  const facts = given.filter((fact) => fact !== undefined);
  return (
    <>
      {facts.length === 0 ? null : <Facts facts={facts} />}
      {response === undefined ? null : (
        <details>
          <summary>{t('facts.answers')}</summary>
          <Answers response={response} />
        </details>
      )}
    </>
  );
}

function factOf(name: string, value: string | undefined, language?: string): Fact | undefined {
  if (value === undefined || value === '') return undefined;
  return [
    name,
    language === undefined ? (
      <bdi key="value">{value}</bdi>
    ) : (
      <bdi key="value" lang={language}>
        {value}
      </bdi>
    ),
  ];
}

function observationsOf({ parts }: VisitTask): readonly FhirTree[] {
  return Object.values(parts).filter(({ resourceType }) => resourceType === 'Observation');
}

/** The measured value with its own digits. */
function quantityOf({ code, valueQuantity }: FhirTree): ReactNode {
  const quantity = isTree(valueQuantity) ? valueQuantity : {};
  return (
    <bdi lang="en">
      {conceptText(code)}: {numberLiteral(quantity.value)} {stringOf(quantity.unit)}
    </bdi>
  );
}

function conceptText(concept: FhirTree[string]): string | undefined {
  return isTree(concept) ? stringOf(concept.text) : undefined;
}

function noteOf(resource: FhirTree | undefined): string | undefined {
  const [note] = listOf(resource?.note).filter(isTree);
  return stringOf(note?.text);
}

function directionsOf(prescription: FhirTree | undefined): string | undefined {
  const [dosage] = listOf(prescription?.dosageInstruction).filter(isTree);
  return stringOf(dosage?.text);
}

function quantityToDispense(prescription: FhirTree | undefined): string | undefined {
  const request = prescription?.dispenseRequest;
  const quantity = isTree(request) && isTree(request.quantity) ? request.quantity : undefined;
  return numberLiteral(quantity?.value);
}

/** The reason of a visit, from whichever of its tasks the reader sees; empty once it is erased. */
export function visitReason(course: VisitCourse): string {
  const parts = [...course.values()].flatMap((task) => [
    task.parts.appointment,
    task.parts.order,
    task.parts.prescription,
  ]);
  return parts.map((part) => reasonOf(part)).find((reason) => reason !== '') ?? '';
}
