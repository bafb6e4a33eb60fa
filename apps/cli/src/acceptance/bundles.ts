import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type FhirTree, isTree, parseFhirJson, sameResource } from '@salus/fhir';

/** What a patient's grant for medication opens (DESIGN §5). */
export const MEDICATION_TYPES: readonly string[] = [
  ...['MedicationRequest', 'MedicationStatement', 'MedicationDispense', 'MedicationAdministration'],
];
const NAMED_TYPES = ['Medication', 'Practitioner', 'Organization'];

/** A bundle as it was sent: its resources by the name that the bundle gave them. */
export interface SentBundle {
  readonly file: string;
  readonly resources: readonly { readonly fullUrl: string; readonly tree: FhirTree }[];
}

/** Published bundles, smallest first. */
export function syntheaFiles(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json') && name !== 'manifest.json')
    .map((name) => join(directory, name))
    .sort((left, right) => readFileSync(left).length - readFileSync(right).length);
}

export function readBundle(file: string): SentBundle {
  const { entry } = parseFhirJson(readFileSync(file, 'utf8')) as { readonly entry?: readonly FhirTree[] };
  const resources = (entry ?? []).map(({ fullUrl, resource }) => {
    if (typeof fullUrl !== 'string' || !isTree(resource))
      throw new Error(`${file} has an entry without fullUrl or resource`);
    return { fullUrl, tree: resource };
  });
  return { file, resources };
}

/** Where everything of some bundles went: `fullUrl` and the sender's own `Type/id` to the node's `Type/id`. */
export class Imported {
  readonly references = new Map<string, string>();
  readonly #sent = new Map<string, FhirTree[]>();

  constructor(
    bundles: readonly SentBundle[],
    files: readonly { readonly file: string; readonly resources: readonly string[] }[],
  ) {
    for (const { file, resources } of bundles) {
      const answered = files.find((one) => one.file === basename(file))?.resources ?? [];
      if (answered.length !== resources.length)
        throw new Error(`${file}: ${answered.length} of ${resources.length} entries answered`);
      for (const [at, { fullUrl, tree }] of resources.entries()) {
        const name = answered[at]!;
        this.references.set(fullUrl, name);
        this.#sent.set(name, [...(this.#sent.get(name) ?? []), tree]);
      }
    }
  }

  /** The Patient resource of one bundle, as the node names it. */
  patientOf({ resources }: SentBundle): string {
    const patient = resources.find(({ tree }) => tree.resourceType === 'Patient');
    return this.references.get(patient?.fullUrl ?? '')!.replace('Patient/', '');
  }

  /** Names of exactly what a grant for medication lets its reader see of one bundle. */
  medicationOf({ resources }: SentBundle): ReadonlySet<string> {
    const names = new Set<string>();
    for (const { fullUrl, tree } of resources) {
      if (!MEDICATION_TYPES.some((type) => type === tree.resourceType)) continue;
      names.add(this.references.get(fullUrl)!);
      for (const link of linksOf(tree)) {
        const target = this.references.get(link) ?? '';
        if (NAMED_TYPES.includes(target.split('/')[0]!)) names.add(target);
      }
    }
    return names;
  }

  /** Whether a text is a resource that was sent under this name, number literals included. */
  isSent(name: string, text: string): boolean {
    const read = parseFhirJson(text);
    return (this.#sent.get(name) ?? []).some((sent) => sameResource(sent, read, { referenceMap: this.references }));
  }
}

function linksOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(linksOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === 'reference' && typeof member === 'string' ? [member] : linksOf(member),
  );
}

/** A patient with one resource of each type that a medication grant opens, and with numbers that doubles would change. */
export function writeMedicationFixture(directory: string): string {
  const patient = 'urn:uuid:00000000-0000-4000-8000-000000000001';
  const [medication, practitioner, organisation] = ['2', '3', '4'].map((end) => patient.replace(/1$/, end));
  const subject = `"subject": {"reference": "${patient}"}`;
  const drug = `"medicationReference": {"reference": "${medication}"}`;
  const rxnorm = '{"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "313782"}]}';
  const resources = [
    '"resourceType": "Patient", "identifier": [{"system": "urn:test:mrn", "value": "fixture-1"}], "gender": "female", "birthDate": "1961-04-09"',
    `"resourceType": "Medication", "code": ${rxnorm}, "amount": {"numerator": {"value": 1.50, "unit": "mg"}, "denominator": {"value": 1.0}}`,
    '"resourceType": "Practitioner", "identifier": [{"system": "urn:test:licence", "value": "fixture-2"}], "name": [{"family": "Fixture"}]',
    '"resourceType": "Organization", "identifier": [{"system": "urn:test:organisation", "value": "fixture-3"}], "name": "Fixture Pharmacy"',
    `"resourceType": "MedicationRequest", "status": "active", "intent": "order", ${drug}, ${subject}, "requester": {"reference": "${practitioner}"}, "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 1.50, "unit": "mg"}}]}]`,
    `"resourceType": "MedicationStatement", "status": "active", ${drug}, ${subject}, "dosage": [{"doseAndRate": [{"doseQuantity": {"value": 0.010, "unit": "mg"}}]}]`,
    `"resourceType": "MedicationDispense", "status": "completed", ${drug}, ${subject}, "performer": [{"actor": {"reference": "${organisation}"}}], "quantity": {"value": 12345678901234567890}`,
    `"resourceType": "MedicationAdministration", "status": "completed", ${drug}, ${subject}, "effectiveDateTime": "2026-03-02T08:00:00Z", "dosage": {"dose": {"value": 100E-3}}`,
    `"resourceType": "Observation", "status": "final", "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}], "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]}, ${subject}, "valueQuantity": {"value": 95.20, "unit": "mg/dL"}`,
    `"resourceType": "Claim", "status": "active", "type": {"text": "pharmacy"}, "use": "claim", "patient": {"reference": "${patient}"}, "created": "2026-03-02", "provider": {"reference": "${organisation}"}, "priority": {"text": "normal"}, "insurance": [{"sequence": 1, "focal": true, "coverage": {"display": "none"}}]`,
  ];
  const entries = resources.map((body, at) => {
    const type = /"resourceType": "([A-Za-z]+)"/.exec(body)![1];
    const fullUrl = at < 9 ? patient.replace(/1$/, String(at + 1)) : patient.replace(/01$/, '10');
    return `{"fullUrl": "${fullUrl}", "resource": {${body}}, "request": {"method": "POST", "url": "${type}"}}`;
  });
  const file = join(directory, 'fixture.json');
  writeFileSync(file, `{"resourceType": "Bundle", "type": "transaction", "entry": [${entries.join(',\n')}]}`);
  return file;
}

/** The same person as another organisation registers them: a Patient and nothing else. */
export function writeRegistration(directory: string, name: string): string {
  const file = join(directory, `${name}.json`);
  const identifier = [{ system: 'urn:test:mrn', value: `b-${name}` }];
  const resource = { resourceType: 'Patient', identifier, name: [{ family: name }] };
  const entry = [
    { fullUrl: 'urn:uuid:00000000-0000-4000-8000-00000000000b', resource, request: { method: 'POST', url: 'Patient' } },
  ];
  writeFileSync(file, JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }));
  return file;
}
