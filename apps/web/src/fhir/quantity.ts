import { type FhirTree, type FhirValue, isTree, numberLiteral, stringOf } from '@salus/fhir/parse';
import { numberFormat } from '../i18n/formats.ts';

/** UCUM codes that nobody reads aloud as they are written; the rest is shown as the author wrote its unit. */
const UNITS: Readonly<Record<string, string>> = {
  'mm[Hg]': 'mmHg',
  Cel: '°C',
  '[degF]': '°F',
  '/min': '/min',
  '{score}': '',
  '{count}': '',
  '1': '',
  '10*3/uL': '×10³/µL',
  '10*6/uL': '×10⁶/µL',
  '10*9/L': '×10⁹/L',
  '10*12/L': '×10¹²/L',
  'kg/m2': 'kg/m²',
  'mL/min/{1.73_m2}': 'mL/min/1.73 m²',
  '[in_i]': 'in',
  '[lb_av]': 'lb',
  '[iU]/L': 'IU/L',
  'm[IU]/L': 'mIU/L',
};

/** A number literal of at most this many characters is written with the locale's digits; a longer one as it stands. */
const LITERAL_LENGTH_MAX = 40;

/**
 * A Quantity as text: comparator, number and unit. 1.50 stays 1.50 (R4 §2.24.0.1: precision has significance), only with
 * the locale's digits and separators. undefined where there is no number.
 */
export function quantityText(quantity: FhirValue | undefined, locale: string): string | undefined {
  if (!isTree(quantity)) return undefined;
  const value = numberText(quantity.value, locale);
  if (value === undefined) return undefined;
  const unit = unitText(quantity);
  const comparator = stringOf(quantity.comparator) ?? '';
  return `${comparator}${value}${unit === '' ? '' : `\u00a0${unit}`}`;
}

/** The unit as a person reads it; empty where the number stands alone. */
export function unitText(quantity: FhirTree): string {
  const code = stringOf(quantity.code);
  const unit = stringOf(quantity.unit);
  if (unit !== undefined && unit !== code) return UNITS[unit] ?? unit;
  if (code === undefined) return unit ?? '';
  return Object.hasOwn(UNITS, code) ? UNITS[code]! : code;
}

/** A FHIR number, every digit of its literal kept; undefined for anything else. */
export function numberText(value: FhirValue | undefined, locale: string): string | undefined {
  const literal = numberLiteral(value);
  if (literal === undefined || literal.length > LITERAL_LENGTH_MAX || /e/i.test(literal)) return literal;
  const fraction = literal.split('.')[1]?.length ?? 0;
  const format = numberFormat(locale, { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
  // A string keeps what a double would lose (ECMA-402 §15.5.16 ToIntlMathematicalValue).
  return format.format(literal as `${number}`);
}

/** The number for a chart, where a double is enough; undefined where there is none. */
export function numberOf(value: FhirValue | undefined): number | undefined {
  const literal = numberLiteral(value);
  const number = literal === undefined ? Number.NaN : Number(literal);
  return Number.isFinite(number) ? number : undefined;
}

/** A Range or a reference range: `3.5 – 5.1 mmol/L`, `≤ 5`, `≥ 60`. */
export function rangeText(range: FhirValue | undefined, locale: string): string | undefined {
  if (!isTree(range)) return undefined;
  const low = quantityText(range.low, locale);
  const high = quantityText(range.high, locale);
  if (low !== undefined && high !== undefined) {
    const bare = isTree(range.low) ? numberText(range.low.value, locale) : undefined;
    return `${bare ?? low} – ${high}`;
  }
  if (low !== undefined) return `≥ ${low}`;
  return high === undefined ? stringOf(range.text) : `≤ ${high}`;
}
