import { er7 } from './feed.ts';

/** One message of a load, and what it must come to. */
export interface LoadMessage {
  readonly controlId: string;
  readonly patient: number;
  readonly bytes: Buffer;
  readonly isBroken: boolean;
  /** Of a result: its place among the patient's, from 1. */
  readonly value: number | null;
}

const BROKEN_EVERY = 20;

/**
 * A day of an interface engine: each patient is registered, then gets one result after the other, corrections of the same
 * order; every twentieth message is broken in one of several ways.
 */
export function hl7Load(messages: number, patients: number): readonly LoadMessage[] {
  const values = new Map<number, number>();
  return Array.from({ length: messages }, (_, at): LoadMessage => {
    const patient = at % patients;
    const controlId = `L${at}`;
    const isBroken = at >= patients && at % BROKEN_EVERY === BROKEN_EVERY - 1;
    if (at < patients) {
      const bytes = er7(header('ADT^A04', controlId), pidOf(patient), 'PV1|1|N');
      return { controlId, patient, bytes, isBroken: false, value: null };
    }
    if (isBroken) return { controlId, patient, bytes: broken(at, controlId, patient), isBroken, value: null };
    const value = (values.get(patient) ?? 0) + 1;
    values.set(patient, value);
    const bytes = er7(
      header('ORU^R01', controlId),
      pidOf(patient),
      ...resultOf(patient, value, value === 1 ? 'F' : 'C'),
    );
    return { controlId, patient, bytes, isBroken, value };
  });
}

const header = (type: string, controlId: string): string =>
  `MSH|^~\\&|LAB|HOSP|SALUS|A|20260301120000||${type}|${controlId}|P|2.5.1`;

const pidOf = (patient: number): string => `PID|1||P${patient}^^^HOSP^MR||Load^Patient${patient}||19700101|F`;

function resultOf(patient: number, value: number, status: string): readonly string[] {
  return [
    `OBR|1||ORDER${patient}^HOSP|718-7^Hemoglobin^LN|||20260301080000||||||||||||||||||${status}`,
    `OBX|1|NM|718-7^Hemoglobin^LN||${value}|g/L^g/L^UCUM|||||${status}`,
  ];
}

function broken(at: number, controlId: string, patient: number): Buffer {
  const [request = '', result = ''] = resultOf(patient, 0, 'F');
  switch (((at / BROKEN_EVERY) % 5) | 0) {
    case 0:
      return er7(header('ORU^R01', controlId), pidOf(patient), request, result.replace('|NM|', '|XX|'));
    case 1:
      return er7(header('ORU^R01', controlId), pidOf(patient), request, result.replace('||0|', '||no number|'));
    case 2:
      return er7(header('ORU^R01', controlId), pidOf(patient).replace(`P${patient}^`, `nobody${at}^`), request, result);
    case 3:
      return er7(header('ORU^R01', controlId), request, result);
    default:
      return Buffer.from(`${header('ORU^R01', controlId)}\rnonsense\r`);
  }
}
