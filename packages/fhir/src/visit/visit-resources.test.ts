import { expect, it } from 'vitest';
import { parseFhirJson } from '../parse-json.ts';
import { type FhirTree, stringifyFhirJson } from '../tree.ts';
import { validateResource } from '../validate.ts';
import { intakeQuestionnaire, OFFERED_MEDICINES, OFFERED_TESTS } from './visit-catalogue.ts';
import {
  answersOf,
  bookedAppointment,
  carried,
  filledResponse,
  medicationDispense,
  medicationRequest,
  practitionerOf,
  proposedAppointment,
  questionnaireResponse,
  reasonOf,
  resultObservation,
  resultReport,
  serviceRequest,
  startOf,
  visitEncounter,
} from './visit-resources.ts';
import { visitTaskResource } from './visit-task.ts';

const PID = 'B'.repeat(22);
const MS = Date.UTC(2026, 10, 21, 9);
const PATIENT = 'Patient/p1';
const PRACTITIONER = 'Practitioner/d1';
const test = OFFERED_TESTS[0]!;
const medicine = OFFERED_MEDICINES[0]!;
const named = (name: string) => ({ name: `hospital-a/v/${name}`, patient: PATIENT });
const ordered = { requester: PRACTITIONER, encounter: 'Encounter/e1', reason: 'Thirst', authoredMs: MS };

const proposed = proposedAppointment({ pid: PID, reason: 'Thirst', wishedMs: MS, askedMs: MS });
const booking = { name: 'a', patient: PATIENT, practitioner: PRACTITIONER, startMs: MS, minutes: 20 };
const booked = bookedAppointment(proposed, booking);
const response = questionnaireResponse({ answers: { since: 'weeks', worse: true, more: '' }, authoredMs: MS });
const order = serviceRequest(named('order-1'), { ...ordered, test, note: 'fasting' });
const measure = test.measures[0]!;
const observation = resultObservation(named('o'), { measure, value: '8.40', order: 'order-1', atMs: MS });
const report = resultReport(named('r'), {
  test,
  order: 'order-1',
  results: ['Observation/o1'],
  conclusion: 'High',
  atMs: MS,
});
const prescription = medicationRequest(named('m'), { ...ordered, medicine, directions: 'One a day', quantity: 90 });
const dispense = medicationDispense(named('x'), { prescription: carried(prescription, PID), lot: 'L1', atMs: MS });

const RESOURCES: readonly FhirTree[] = [
  ...[intakeQuestionnaire(), proposed, booked, response, order, observation, report, prescription, dispense],
  filledResponse(response, { ...named('q'), encounter: 'Encounter/e1' }),
  visitEncounter({ ...named('e'), practitioner: PRACTITIONER, reason: 'Thirst', status: 'in-progress', startMs: MS }),
  visitTaskResource({
    ...{ visit: 'A'.repeat(22), provider: 'hospital-a', step: 'laboratory-order', number: 1, version: 3 },
    ...{ status: 'completed', requester: 'hospital-a', owner: 'laboratory', pid: PID, changedMs: MS },
    ...{
      reason: null,
      parts: { order: carried(order, PID), report: carried(report, PID), 'observation-1': carried(observation, PID) },
    },
  }),
];

it('writes nothing but valid FHIR R4', () => {
  for (const resource of RESOURCES) {
    const issues = validateResource(parseFhirJson(stringifyFhirJson(resource)));
    const errors = issues.filter(({ severity }) => severity === 'error' || severity === 'fatal');
    expect(errors, JSON.stringify(resource).slice(0, 80)).toEqual([]);
  }
});

it('carries what was written once: reason, time, answers, directions, quantity', () => {
  expect([reasonOf(booked), startOf(proposed), startOf(booked)]).toEqual([
    'Thirst',
    '2026-11-21T09:00:00.000Z',
    '2026-11-21T09:00:00.000Z',
  ]);
  expect(practitionerOf(booked)).toBe(PRACTITIONER);
  expect(answersOf(response)).toEqual({ since: 'weeks', worse: true });
  expect(dispense).toMatchObject({ quantity: { value: 90 }, dosageInstruction: [{ text: 'One a day' }] });
  expect(stringifyFhirJson(observation)).toContain('"value":8.40');
});

it('tells another organisation nothing of who is who here', () => {
  for (const resource of [order, prescription]) {
    const text = stringifyFhirJson(carried(resource, PID));
    for (const own of [PATIENT, PRACTITIONER, 'Encounter/e1']) expect(text).not.toContain(own);
  }
});
