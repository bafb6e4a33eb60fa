import { repositoryConformance } from '@salus/fhir/conformance';
import { afterAll, vi } from 'vitest';
import { makePlace } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const workers = new BundleWorkers(1);
afterAll(() => workers[Symbol.asyncDispose]());

/** The clinician is whom the encounters of the bundles name, so that what is written can be read. */
const PRACTITIONER = 'Practitioner/conformance';

repositoryConformance('the vault', async () => {
  const place = await makePlace({ workers });
  const { clinician } = place.organisation;
  await place.vault.access.linkPractitioner(clinician.id, PRACTITIONER);
  const writer = await place.writer();
  const careFor = (patient: string) => [
    {
      fullUrl: `urn:uuid:${crypto.randomUUID()}`,
      resource: {
        resourceType: 'Encounter',
        status: 'in-progress',
        class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
        subject: { reference: patient },
        participant: [{ individual: { reference: PRACTITIONER } }],
      },
      request: { method: 'POST', url: 'Encounter' },
    },
  ];
  return { repository: place.vault.repository, writer, reader: writer, careFor, close: () => place.remove() };
});
