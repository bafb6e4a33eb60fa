import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from '@salus/fhir/parse';
import { conceptText, hasCode } from './concept.ts';
import { numberText, quantityText, rangeText } from './quantity.ts';
import { dateText, parseWhen, whenText } from './when.ts';

const LOINC = 'http://loinc.org';
const SYSTOLIC = '8480-6';
const DIASTOLIC = '8462-4';

/** One measured part of an observation: its name where it has several. */
export interface MeasuredValue {
  readonly name: string | undefined;
  readonly text: string;
}

/**
 * What an Observation found: its value, or each of its components (R4 §10.1.4). Booleans come as `true`/`false`: the
 * caller has the words. Empty where nothing was found; then `dataAbsentReason` says why.
 */
export function valuesOf(observation: FhirTree, locale: string): readonly MeasuredValue[] {
  const own = valueText(observation, locale);
  const pressure = bloodPressure(observation, locale);
  if (pressure !== undefined) return [{ name: undefined, text: pressure }];
  const parts = listOf(observation.component).flatMap((component) => {
    if (!isTree(component)) return [];
    const text = valueText(component, locale);
    return text === undefined ? [] : [{ name: conceptText(component.code), text }];
  });
  return own === undefined ? parts : [{ name: undefined, text: own }, ...parts];
}

/** Systolic over diastolic is how everybody writes it: `128/82 mmHg`. */
function bloodPressure(observation: FhirTree, locale: string): string | undefined {
  const part = (code: string): FhirTree | undefined =>
    listOf(observation.component).find(
      (component): component is FhirTree => isTree(component) && hasCode(component.code, LOINC, code),
    );
  const systolic = part(SYSTOLIC)?.valueQuantity;
  const diastolic = part(DIASTOLIC)?.valueQuantity;
  if (!isTree(systolic) || !isTree(diastolic) || listOf(observation.component).length !== 2) return undefined;
  const over = numberText(systolic.value, locale);
  const under = quantityText(diastolic, locale);
  return over === undefined || under === undefined ? undefined : `${over}/${under}`;
}

/** The `value[x]` of an observation, component, extension or answer as text. */
export function valueText(holder: FhirTree, locale: string): string | undefined {
  const quantity = quantityText(holder.valueQuantity, locale);
  if (quantity !== undefined) return quantity;
  const concept = conceptText(holder.valueCodeableConcept ?? holder.valueCoding);
  if (concept !== undefined) return concept;
  const plain = stringOf(holder.valueString ?? holder.valueCode ?? holder.valueUri ?? holder.valueTime);
  if (plain !== undefined) return plain;
  if (typeof holder.valueBoolean === 'boolean') return String(holder.valueBoolean);
  const date = stringOf(holder.valueDateTime ?? holder.valueDate ?? holder.valueInstant);
  if (date !== undefined) return dateText(date, locale);
  const period = parseWhen(holder.valuePeriod);
  if (period !== undefined) return whenText(period, locale);
  return (
    numberText(holder.valueInteger ?? holder.valueDecimal, locale) ??
    rangeText(holder.valueRange, locale) ??
    ratioText(holder.valueRatio, locale)
  );
}

function ratioText(ratio: FhirValue | undefined, locale: string): string | undefined {
  if (!isTree(ratio)) return undefined;
  const numerator = quantityText(ratio.numerator, locale);
  const denominator = quantityText(ratio.denominator, locale);
  return numerator === undefined || denominator === undefined ? undefined : `${numerator} : ${denominator}`;
}
