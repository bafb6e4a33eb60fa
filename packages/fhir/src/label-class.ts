import type { LabelClass } from './categories.ts';
import { ACT_CODE_SENSITIVITIES, CONFIDENTIALITIES, SENSITIVE_CODES } from './sensitivity-codes.ts';
import { type FhirTree, type FhirValue, isList, isTree, listOf, stringOf } from './tree.ts';

const LABEL_SYSTEMS: ReadonlyMap<string, ReadonlyMap<string, LabelClass>> = new Map([
  ['http://terminology.hl7.org/CodeSystem/v3-ActCode', ACT_CODE_SENSITIVITIES],
  ['http://hl7.org/fhir/v3/ActCode', ACT_CODE_SENSITIVITIES],
  ['urn:oid:2.16.840.1.113883.5.4', ACT_CODE_SENSITIVITIES],
  ['http://terminology.hl7.org/CodeSystem/v3-Confidentiality', CONFIDENTIALITIES],
  ['http://hl7.org/fhir/v3/Confidentiality', CONFIDENTIALITIES],
  ['urn:oid:2.16.840.1.113883.5.25', CONFIDENTIALITIES],
]);

/**
 * The one label class of a resource: what its author set in `meta.security`, and what any coding in it (contained
 * resources included) makes obvious. Two different sensitivities in one resource are `R`: a grant for one of them must
 * not open the other.
 */
export function labelClassOf(tree: FhirTree): LabelClass {
  const found = new Set<LabelClass>();
  const meta = tree.meta;
  if (isTree(meta)) {
    for (const label of listOf(meta.security)) addSecurityLabel(label, found);
  }
  collectSensitive(tree, found);
  const [first = 'N'] = found;
  return found.size > 1 ? 'R' : first;
}

function addSecurityLabel(label: FhirValue, found: Set<LabelClass>): void {
  if (!isTree(label)) return;
  const system = stringOf(label.system);
  const code = stringOf(label.code);
  if (system === undefined || code === undefined) return;
  const labelClass = LABEL_SYSTEMS.get(system)?.get(code);
  if (labelClass !== undefined) found.add(labelClass);
}

/** Depth is bounded by the parser. */
function collectSensitive(value: FhirValue, found: Set<LabelClass>): void {
  if (typeof value !== 'object' || value === null) return;
  if (isList(value)) {
    for (const item of value) collectSensitive(item, found);
    return;
  }
  const tree = value as FhirTree;
  const { system, code } = tree;
  if (typeof system === 'string' && typeof code === 'string') {
    const labelClass = sensitivityOf(system, code);
    if (labelClass !== undefined) found.add(labelClass);
  }
  for (const element in tree) {
    const child = tree[element];
    if (typeof child === 'object' && child !== null) collectSensitive(child, found);
  }
}

function sensitivityOf(system: string, code: string): LabelClass | undefined {
  const codes = SENSITIVE_CODES.get(system);
  if (codes === undefined) return undefined;
  return codes.exact.get(code) ?? codes.prefixes.find(([prefix]) => code.startsWith(prefix))?.[1];
}
