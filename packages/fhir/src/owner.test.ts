import { describe, expect, it } from 'vitest';
import { FhirError } from './fhir-error.ts';
import { type Owner, ownerOf } from './owner.ts';
import { RESOURCE_TYPES, rowOf } from './resource-table.ts';
import type { FhirTree } from './tree.ts';

const patient1 = { reference: 'Patient/1' };
const patient2 = { reference: 'Patient/2' };
const ofPatient1: Owner = { kind: 'patient', subject: 'Patient/1' };
const ofOrganisation: Owner = { kind: 'organisation' };

function refusedCode(tree: FhirTree): string {
  try {
    ownerOf(tree);
  } catch (error) {
    if (error instanceof FhirError) return error.code;
    throw error;
  }
  throw new Error('an owner was found');
}

describe('ownerOf', () => {
  it('takes the subject and not performers, asserters or payees', () => {
    expect(ownerOf({ resourceType: 'Observation', subject: patient1, performer: [patient2] })).toEqual(ofPatient1);
    expect(ownerOf({ resourceType: 'AllergyIntolerance', patient: patient1, asserter: patient2 })).toEqual(ofPatient1);
    expect(ownerOf({ resourceType: 'Coverage', beneficiary: patient1, policyHolder: patient2 })).toEqual(ofPatient1);
    expect(ownerOf({ resourceType: 'ExplanationOfBenefit', patient: patient1, payee: { party: patient2 } })).toEqual(
      ofPatient1,
    );
    expect(ownerOf({ resourceType: 'Communication', subject: patient1, sender: patient2 })).toEqual(ofPatient1);
    expect(ownerOf({ resourceType: 'Task', for: patient1, focus: { reference: 'Observation/9' } })).toEqual(ofPatient1);
  });

  it('takes a patient for itself, whomever it links to', () => {
    expect(ownerOf({ resourceType: 'Patient', id: '1', link: [{ other: patient2, type: 'seealso' }] })).toEqual(
      ofPatient1,
    );
    expect(ownerOf({ resourceType: 'Patient' })).toEqual({ kind: 'patient', subject: undefined });
  });

  it('drops the version of the subject and keeps the URL of a foreign one', () => {
    expect(ownerOf({ resourceType: 'Condition', subject: { reference: 'Patient/1/_history/3' } })).toEqual(ofPatient1);
    const url = 'https://elsewhere.example/fhir/Patient/1';
    expect(ownerOf({ resourceType: 'Condition', subject: { reference: url } })).toEqual({
      kind: 'patient',
      subject: url,
    });
  });

  it('gives directory, definitions and stock to the organisation', () => {
    for (const resourceType of [
      'Organization',
      'Practitioner',
      'Medication',
      'ValueSet',
      'Device',
      'SupplyDelivery',
      'Schedule',
    ]) {
      expect(ownerOf({ resourceType }), resourceType).toEqual(ofOrganisation);
    }
    expect(ownerOf({ resourceType: 'Device', patient: patient1 })).toEqual(ofPatient1);
    expect(ownerOf({ resourceType: 'Observation', subject: { reference: 'Location/1' } })).toEqual(ofOrganisation);
    const actors = [{ actor: { reference: 'Practitioner/1' } }, { actor: { reference: 'Location/1' } }];
    expect(ownerOf({ resourceType: 'Appointment', participant: actors })).toEqual(ofOrganisation);
    expect(ownerOf({ resourceType: 'Appointment', participant: [...actors, { actor: patient1 }] })).toEqual(ofPatient1);
  });

  it.each<[string, FhirTree]>([
    ['no subject', { resourceType: 'Observation' }],
    ['two patients', { resourceType: 'Account', subject: [patient1, patient2] }],
    ['a group', { resourceType: 'Observation', subject: { reference: 'Group/1' } }],
    ['a contained subject', { resourceType: 'Observation', subject: { reference: '#p' } }],
    ['an identifier', { resourceType: 'Observation', subject: { identifier: { value: '1' } } }],
    ['an unresolved urn', { resourceType: 'Observation', subject: { reference: 'urn:uuid:1' } }],
    ['an unresolved condition', { resourceType: 'Observation', subject: { reference: 'Patient?identifier=1' } }],
    ['something else', { resourceType: 'Observation', subject: { reference: 'somewhere' } }],
    ['a device nobody knows', { resourceType: 'Observation', subject: { reference: 'Device/1' } }],
    ['a subject of the wrong type', { resourceType: 'Observation', subject: 'Patient/1' }],
    [
      'two patients in an appointment',
      { resourceType: 'Appointment', participant: [{ actor: patient1 }, { actor: patient2 }] },
    ],
    ['a person who is two patients', { resourceType: 'Person', link: [{ target: patient1 }, { target: patient2 }] }],
    ['a provenance of an unknown record', { resourceType: 'Provenance', target: [{ reference: 'Observation/1' }] }],
    ['a message', { resourceType: 'Parameters' }],
    ['an outcome', { resourceType: 'OperationOutcome' }],
  ])('refuses %s', (_, tree) => {
    expect(refusedCode(tree)).toBe('owner-unknown');
  });

  it('refuses what is no R4 type', () => {
    expect(refusedCode({ resourceType: 'Nobody' })).toBe('not-a-resource');
    expect(refusedCode({})).toBe('not-a-resource');
  });

  it('answers each R4 type with an owner or a refusal', () => {
    for (const resourceType of RESOURCE_TYPES) {
      const rule = rowOf(resourceType).owner;
      const owned =
        rule === 'self' || rule === 'organisation' || (typeof rule === 'object' && rule.otherwise === 'organisation');
      if (owned) expect(ownerOf({ resourceType }), resourceType).toBeDefined();
      else expect(refusedCode({ resourceType }), resourceType).toBe('owner-unknown');
    }
  });

  it('follows what a record hangs on', () => {
    const owners = (reference: string): Owner | undefined =>
      new Map<string, Owner>([
        ['Observation/1', ofPatient1],
        ['Observation/2', { kind: 'patient', subject: 'Patient/2' }],
        ['Device/1', ofOrganisation],
      ]).get(reference);
    const provenance = (...targets: readonly string[]): FhirTree => ({
      resourceType: 'Provenance',
      target: targets.map((reference) => ({ reference })),
    });
    expect(ownerOf(provenance('Observation/1', 'Practitioner/1'), owners)).toEqual(ofPatient1);
    expect(ownerOf(provenance('Organization/1'), owners)).toEqual(ofOrganisation);
    expect(ownerOf({ resourceType: 'Observation', subject: { reference: 'Device/1' } }, owners)).toEqual(
      ofOrganisation,
    );
    expect(() => ownerOf(provenance('Observation/1', 'Observation/2'), owners)).toThrow('several patients');
    expect(() => ownerOf(provenance('Observation/1', 'Observation/3'), owners)).toThrow('unknown');
  });

  it('gives a group of several patients to the organisation, and of one to that patient', () => {
    const group = (...members: readonly object[]): FhirTree =>
      ({ resourceType: 'Group', member: members.map((entity) => ({ entity })) }) as unknown as FhirTree;
    expect(ownerOf(group(patient1, patient2))).toEqual(ofOrganisation);
    expect(ownerOf(group(patient1))).toEqual(ofPatient1);
  });

  it('names no reference in its refusals', () => {
    expect(() => ownerOf({ resourceType: 'Observation', subject: { reference: 'urn:uuid:secret' } })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    );
  });
});
