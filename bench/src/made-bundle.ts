/** Transaction bundles made for load: one patient with as many laboratory results as wanted. */
export function patientBundle(number: number, observations: number): string {
  const patient = `urn:uuid:00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  const entry = [
    {
      fullUrl: patient,
      resource: {
        resourceType: 'Patient',
        identifier: [{ system: 'urn:salus:bench', value: `bench-${number}` }],
        name: [{ family: `Load${number}`, given: ['Test'] }],
        gender: 'other',
        birthDate: '1970-01-01',
      },
      request: { method: 'POST', url: 'Patient' },
    },
    ...Array.from({ length: observations }, (_, index) => observationEntry(patient, number * 10_000 + index)),
  ];
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
}

/** One more result for a patient who is there already. */
export function observationBundle(patientId: string, number: number): string {
  return JSON.stringify({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [observationEntry(`Patient/${patientId}`, number)],
  });
}

/** Many results of a patient who is there already, a day apart, counted from `first`. */
export function observationsBundle(
  patientId: string,
  { first, count }: { readonly first: number; readonly count: number },
): string {
  const entry = Array.from({ length: count }, (_, index) => {
    const made = observationEntry(`Patient/${patientId}`, first + index);
    const effectiveDateTime = new Date(Date.UTC(2026, 2, 1) - (first + index) * 86_400_000).toISOString();
    return { ...made, resource: { ...made.resource, effectiveDateTime } };
  });
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
}

function observationEntry(subject: string, number: number) {
  return {
    fullUrl: `urn:uuid:10000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    resource: {
      resourceType: 'Observation',
      status: 'final',
      category: [
        { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
      ],
      code: { coding: [{ system: 'http://loinc.org', code: '2339-0', display: 'Glucose [Mass/volume] in Blood' }] },
      subject: { reference: subject },
      effectiveDateTime: '2026-03-01T08:00:00Z',
      valueQuantity: { value: 80 + (number % 70), unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
    },
    request: { method: 'POST', url: 'Observation' },
  };
}
