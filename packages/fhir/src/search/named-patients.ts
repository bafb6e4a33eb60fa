import { type ResourceType, rowOf } from '../resource-table.ts';
import type { Filter } from './filter.ts';

const PATIENT_ONLY = /\.where\(resolve\(\) is Patient\)$/;

/**
 * Ids of the patients to whom a filter binds a search: what matches belongs to one of them, because the parameter leads to the
 * element that decides whose a resource is (`ownerOf`). undefined when the filter tells nothing of owners.
 */
export function patientsNamedBy(type: ResourceType, filter: Filter): readonly string[] | undefined {
  if (filter.kind !== 'values' || filter.modifier !== undefined || filter.parameter.type !== 'reference')
    return undefined;
  const { code, expression } = filter.parameter;
  const rule = rowOf(type).owner;
  const [subject] = typeof rule === 'string' ? [] : rule.subject;
  if (subject === undefined || expression.replace(PATIENT_ONLY, '') !== `${type}.${subject}`) return undefined;
  const isPatient = code === 'patient' || PATIENT_ONLY.test(expression);
  const ids: string[] = [];
  for (const wanted of filter.alternatives) {
    if (wanted.kind !== 'reference' || (wanted.type ?? (isPatient ? 'Patient' : undefined)) !== 'Patient')
      return undefined;
    ids.push(wanted.id);
  }
  return ids;
}
