import { CONSORTIUM, type DemonstrationStaff } from './consortium.ts';
import type { Person } from './people.ts';
import type { Seeded } from './seeded.ts';

export const LICENCE_SYSTEM = 'urn:salus:demonstration:licence';
export const RECORD_NUMBER_SYSTEM = 'urn:salus:demonstration:record-number';
const ORGANISATION_SYSTEM = 'urn:salus:demonstration:organisation';

export interface Resource {
  readonly resourceType: string;
  readonly [element: string]: unknown;
}

/** A reference inside the bundle. */
export interface Reference {
  readonly reference: string;
}

/** One organisation's share of a story: a FHIR R4 transaction bundle about one patient. */
export interface StoryBundle {
  add(resource: Resource): Reference;
  readonly patient: Reference;
  readonly practitioner: Reference;
  readonly organisation: Reference;
  /** The bundle as its JSON text. */
  text(): string;
}

interface Entry {
  readonly fullUrl: string;
  readonly resource: Resource;
  readonly request: { readonly method: 'POST'; readonly url: string; readonly ifNoneExist?: string };
}

export function storyBundle(
  random: Seeded,
  {
    slug,
    staff,
    person,
    recordNumber,
  }: {
    readonly slug: string;
    readonly staff: DemonstrationStaff;
    readonly person: Person;
    readonly recordNumber: string;
  },
): StoryBundle {
  const entries: Entry[] = [];
  const push = (resource: Resource, ifNoneExist?: string): Reference => {
    const fullUrl = `urn:uuid:${random.uuid()}`;
    const request = {
      method: 'POST' as const,
      url: resource.resourceType,
      ...(ifNoneExist === undefined ? {} : { ifNoneExist }),
    };
    entries.push({ fullUrl, resource, request });
    return { reference: fullUrl };
  };
  const organisation = push(organisationOf(slug), `identifier=${ORGANISATION_SYSTEM}|${slug}`);
  const practitioner = push(practitionerOf(staff), `identifier=${LICENCE_SYSTEM}|${staff.licence}`);
  const patient = push(
    patientOf(person, recordNumber, organisation),
    `identifier=${RECORD_NUMBER_SYSTEM}|${recordNumber}`,
  );
  return {
    patient,
    practitioner,
    organisation,
    add: (resource) => push(resource),
    text: () => JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: entries }, null, 1),
  };
}

function organisationOf(slug: string): Resource {
  const name = CONSORTIUM.find((organisation) => organisation.slug === slug)?.name ?? slug;
  return {
    resourceType: 'Organization',
    identifier: [{ system: ORGANISATION_SYSTEM, value: slug }],
    active: true,
    name,
  };
}

function practitionerOf({ licence, family, given }: DemonstrationStaff): Resource {
  return {
    resourceType: 'Practitioner',
    identifier: [{ system: LICENCE_SYSTEM, value: licence }],
    active: true,
    name: [{ family, given: [given] }],
  };
}

function patientOf(person: Person, recordNumber: string, managingOrganization: Reference): Resource {
  return {
    resourceType: 'Patient',
    identifier: [{ system: RECORD_NUMBER_SYSTEM, value: recordNumber }],
    active: true,
    name: [{ use: 'official', family: person.family, given: [person.given] }],
    telecom: [{ system: 'phone', value: person.phone, use: 'mobile' }],
    gender: person.gender,
    birthDate: person.birthDate,
    address: [{ line: [person.street], city: person.city, postalCode: person.postalCode }],
    managingOrganization,
  };
}
