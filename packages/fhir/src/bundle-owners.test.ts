import { describe, expect, it } from 'vitest';
import { resolveBundle } from './bundle.ts';
import { classifyBundle, OWNER_HOPS_MAX, ownersSought } from './bundle-owners.ts';
import type { OwnerOfReference } from './owner.ts';
import type { FhirTree } from './tree.ts';

async function classified(resources: readonly FhirTree[], elsewhere?: OwnerOfReference) {
  return classifyBundle(await resolved(resources), elsewhere).map(
    ({ classification }) => classification.subject ?? classification.ownerKind,
  );
}

function resolved(resources: readonly FhirTree[]) {
  let next = 0;
  const entry = resources.map((resource, index) => ({
    fullUrl: `urn:uuid:${index}`,
    resource,
    request: { method: 'POST', url: resource.resourceType },
  }));
  const bundle: FhirTree = {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: entry as unknown as readonly FhirTree[],
  };
  return resolveBundle(bundle, { newId: () => `n${next++}`, lookup: { findByIdentifier: () => [] } });
}

const patient: FhirTree = { resourceType: 'Patient' };
const observation: FhirTree = { resourceType: 'Observation', subject: { reference: 'urn:uuid:0' } };
const referenceTo = (reference: string): FhirTree => ({ reference });
const provenance = (reference: string): FhirTree => ({ resourceType: 'Provenance', target: [referenceTo(reference)] });

describe('classifyBundle', () => {
  it('finds owners through other entries, in any order', async () => {
    expect(await classified([patient, provenance('urn:uuid:2'), observation, provenance('urn:uuid:1')])).toEqual([
      'Patient/n0',
      'Patient/n0',
      'Patient/n0',
      'Patient/n0',
    ]);
  });

  it('asks the repository for what is no entry', async () => {
    const elsewhere: OwnerOfReference = (reference) =>
      reference === 'Observation/7' ? { kind: 'patient', subject: 'Patient/7' } : undefined;
    expect(await classified([provenance('Observation/7')], elsewhere)).toEqual(['Patient/7']);
    await expect(classified([provenance('Observation/8')], elsewhere)).rejects.toMatchObject({ code: 'owner-unknown' });
  });

  it('says which entry has no owner', async () => {
    await expect(classified([patient, { resourceType: 'Observation' }])).rejects.toMatchObject({
      name: 'FhirError',
      code: 'owner-unknown',
      expression: 'Bundle.entry[1].resource.subject',
    });
  });

  it('refuses resources that only point at each other, or at themselves', async () => {
    await expect(classified([provenance('urn:uuid:1'), provenance('urn:uuid:0')])).rejects.toMatchObject({
      code: 'owner-unknown',
    });
    await expect(classified([provenance('urn:uuid:0')])).rejects.toMatchObject({ code: 'owner-unknown' });
  });

  it('follows a bounded number of hops', async () => {
    const chain = (hops: number) => [
      ...Array.from({ length: hops }, (_, index) => provenance(`urn:uuid:${index + 1}`)),
      { ...provenance(''), target: [{ reference: 'Patient/1' }] },
    ];
    expect(await classified(chain(OWNER_HOPS_MAX))).toHaveLength(OWNER_HOPS_MAX + 1);
    await expect(classified(chain(OWNER_HOPS_MAX + 1))).rejects.toMatchObject({ code: 'owner-unknown' });
  });
});

describe('ownersSought', () => {
  it('names what decides whose a resource is and stands elsewhere, each once', async () => {
    const several = { resourceType: 'Provenance', target: ['Observation/7', 'Task/8'].map(referenceTo) };
    const bundle = await resolved([provenance('Observation/7'), several, provenance('urn:uuid:1')]);
    expect(ownersSought(bundle)).toEqual(['Observation/7', 'Task/8']);
  });

  it('names nothing where each resource tells its patient, whatever else it references', async () => {
    const told = { ...observation, encounter: referenceTo('Encounter/1'), performer: [referenceTo('Practitioner/2')] };
    expect(ownersSought(await resolved([patient, told]))).toEqual([]);
  });

  it('names nothing that is no resource here', async () => {
    expect(ownersSought(await resolved([provenance('https://elsewhere.example/fhir/Observation/1')]))).toEqual([]);
  });
});
