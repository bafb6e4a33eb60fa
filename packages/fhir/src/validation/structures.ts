import type { ElementDefinition, StructureDefinition } from '@medplum/fhirtypes';
import type { FhirValue } from '../tree.ts';

/** One element of a snapshot, as a tree. */
export interface ElementRule {
  /** `value` for `value[x]`. */
  readonly name: string;
  readonly choice: boolean;
  /** `Observation.component.value[x]`. */
  readonly path: string;
  readonly min: number;
  /** Infinity for `*`. */
  readonly max: number;
  /** Does the base definition say so of a list? */
  readonly list: boolean;
  readonly types: readonly TypeRule[];
  /** `Observation.referenceRange`, where the content is that of another element. */
  readonly contentOf: string | undefined;
  readonly binding: { readonly strength: string; readonly valueSet: string } | undefined;
  readonly constraints: readonly Constraint[];
  readonly fixed: FhirValue | undefined;
  readonly pattern: FhirValue | undefined;
  readonly maxLength: number | undefined;
  readonly isModifier: boolean;
  readonly children: ElementRule[];
  readonly slicing: { readonly discriminators: readonly Discriminator[]; readonly closed: boolean } | undefined;
  readonly slices: ElementRule[];
  readonly sliceName: string | undefined;
}

export interface TypeRule {
  readonly code: string;
  readonly profiles: readonly string[];
  readonly targetProfiles: readonly string[];
}

export interface Constraint {
  readonly key: string;
  readonly severity: 'error' | 'warning';
  readonly human: string;
  readonly expression: string;
}

export interface Discriminator {
  readonly type: string;
  readonly path: string;
}

export interface Structure {
  readonly url: string;
  readonly type: string;
  readonly kind: string;
  /** Is it a type of its own, not a profile on one? */
  readonly isType: boolean;
  readonly root: ElementRule;
  /** Where an extension may stand. */
  readonly contexts: readonly { readonly type: string; readonly expression: string }[];
}

const FHIR_TYPE = 'http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type';

/** The elements of a definition's snapshot; `undefined` for one without. */
export function structureOf(definition: StructureDefinition): Structure | undefined {
  const elements = definition.snapshot?.element;
  const [first, ...rest] = elements ?? [];
  if (first === undefined || definition.url === undefined) return undefined;
  const root = ruleOf(first);
  const byId = new Map<string, ElementRule>([[first.id ?? first.path ?? '', root]]);
  for (const element of rest) place(element, byId);
  return {
    url: definition.url,
    type: definition.type ?? '',
    kind: definition.kind ?? '',
    isType: definition.derivation !== 'constraint',
    root,
    contexts: (definition.context ?? []).map(({ type, expression }) => ({
      type: type ?? '',
      expression: expression ?? '',
    })),
  };
}

function place(element: ElementDefinition, byId: Map<string, ElementRule>): void {
  const id = element.id ?? element.path ?? '';
  const dot = id.lastIndexOf('.');
  const parent = byId.get(id.slice(0, dot));
  if (parent === undefined) return;
  const rule = ruleOf(element);
  byId.set(id, rule);
  const name = id.slice(dot + 1);
  const colon = name.indexOf(':');
  const sliced = colon < 0 ? undefined : byId.get(`${id.slice(0, dot)}.${name.slice(0, colon)}`);
  if (sliced === undefined) parent.children.push(rule);
  else sliced.slices.push(rule);
}

function ruleOf(element: ElementDefinition): ElementRule {
  const path = element.path ?? '';
  const last = path.slice(path.lastIndexOf('.') + 1);
  const choice = last.endsWith('[x]');
  const { binding, slicing } = element;
  return {
    name: choice ? last.slice(0, -'[x]'.length) : last,
    choice,
    path,
    min: element.min ?? 0,
    max: element.max === '*' ? Number.POSITIVE_INFINITY : Number(element.max ?? '1'),
    list: element.base?.max !== undefined && element.base.max !== '0' && element.base.max !== '1',
    types: typesOf(element),
    contentOf: element.contentReference?.replace(/^.*#/, ''),
    binding:
      binding?.valueSet === undefined
        ? undefined
        : { strength: binding.strength ?? '', valueSet: binding.valueSet.split('|')[0] ?? binding.valueSet },
    constraints: constraintsOf(element),
    fixed: statedValue(element, 'fixed'),
    pattern: statedValue(element, 'pattern'),
    maxLength: element.maxLength,
    isModifier: element.isModifier === true,
    children: [],
    slicing:
      slicing === undefined
        ? undefined
        : {
            discriminators: (slicing.discriminator ?? []).map((one) => ({
              type: one.type ?? '',
              path: one.path ?? '',
            })),
            closed: slicing.rules === 'closed',
          },
    slices: [],
    sliceName: element.sliceName,
  };
}

function typesOf({ type = [], path }: ElementDefinition): readonly TypeRule[] {
  return type.map((one) => ({
    code: typeCode(one, path),
    profiles: one.profile ?? [],
    targetProfiles: one.targetProfile ?? [],
  }));
}

/** Elements that FHIRPath sees as its own types (`Resource.id`, `Extension.url`) name their FHIR type in an extension. */
function typeCode(type: NonNullable<ElementDefinition['type']>[number], path: string): string {
  const code = type.code ?? '';
  if (!code.startsWith('http://hl7.org/fhirpath/System.')) return code;
  if (path.endsWith('.url')) return 'uri';
  return (
    type.extension?.find(({ url }) => url === FHIR_TYPE)?.valueUrl ??
    code.slice(code.lastIndexOf('.') + 1).toLowerCase()
  );
}

/** Of every element: checked by `check-element.ts` itself. */
const EVERYWHERE: ReadonlySet<string> = new Set(['ele-1', 'ext-1']);

function constraintsOf({ constraint = [] }: ElementDefinition): readonly Constraint[] {
  return constraint.flatMap(({ key, severity, human, expression }) =>
    key === undefined || expression === undefined || EVERYWHERE.has(key)
      ? []
      : [{ key, severity: severity === 'warning' ? 'warning' : 'error', human: human ?? '', expression }],
  );
}

function statedValue(element: ElementDefinition, stem: 'fixed' | 'pattern'): FhirValue | undefined {
  const name = Object.keys(element).find((key) => key.startsWith(stem) && /[A-Z]/.test(key.charAt(stem.length)));
  return name === undefined ? undefined : (element as unknown as Record<string, FhirValue>)[name];
}
