import type { ValueSetComposeInclude } from '@medplum/fhirtypes';
import { membershipOf, passes } from './membership.ts';
import { type ShippedValueSet, terminology } from './terminology-store.ts';

/** A code of an expansion. */
export interface ExpandedCode {
  readonly system: string;
  readonly code: string;
  readonly display: string | undefined;
  readonly abstract: boolean;
}

export interface ExpansionRequest {
  /** Text that the display or the code holds, whatever its case. */
  readonly filter?: string;
  readonly offset: number;
  readonly count: number;
}

/** `not-supported`: what is shipped does not hold a system that the value set includes, such as SNOMED CT. */
export type Expansion =
  | {
      readonly kind: 'expanded';
      readonly valueSet: ShippedValueSet;
      readonly total: number;
      readonly codes: readonly ExpandedCode[];
    }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'not-supported' };

/** Codes that one expansion gathers before it is cut into pages: the largest shipped value set has 4,000. */
const EXPANSION_MAX = 50_000;
const IMPORT_DEPTH_MAX = 8;

/** `ValueSet/$expand` over the value sets that R4 ships (R4 §4.9, operation-valueset-expand.html). */
export function expandValueSet(url: string, { filter, offset, count }: ExpansionRequest): Expansion {
  const valueSet = terminology().valueSets.get(url.split('|', 1)[0] ?? url);
  if (valueSet === undefined) return { kind: 'unknown' };
  const all = codesOf(valueSet, 0);
  if (all === undefined) return { kind: 'not-supported' };
  const wanted = filter === undefined ? [...all.values()] : filtered([...all.values()], filter.toLowerCase());
  return { kind: 'expanded', valueSet, total: wanted.length, codes: wanted.slice(offset, offset + count) };
}

function filtered(codes: readonly ExpandedCode[], filter: string): readonly ExpandedCode[] {
  return codes.filter(({ code, display }) => `${code} ${display ?? ''}`.toLowerCase().includes(filter));
}

/** By system and code; `undefined` when a part cannot be enumerated. */
function codesOf({ compose, url }: ShippedValueSet, depth: number): ReadonlyMap<string, ExpandedCode> | undefined {
  if (compose === undefined || depth > IMPORT_DEPTH_MAX) return undefined;
  const codes = new Map<string, ExpandedCode>();
  for (const part of compose.include) {
    const found = codesOfPart(part, depth);
    if (found === undefined || codes.size + found.length > EXPANSION_MAX) return undefined;
    for (const one of found) codes.set(keyOf(one), one);
  }
  if (compose.exclude === undefined) return codes;
  for (const [key, { system, code }] of codes) {
    const membership = membershipOf(url, system, code);
    if (membership === 'unknown') return undefined;
    if (membership === 'no') codes.delete(key);
  }
  return codes;
}

function keyOf({ system, code }: ExpandedCode): string {
  return `${system}|${code}`;
}

function codesOfPart(part: ValueSetComposeInclude, depth: number): readonly ExpandedCode[] | undefined {
  let codes: readonly ExpandedCode[] | undefined;
  if (part.system !== undefined) {
    codes = codesOfSystem(part, part.system);
    if (codes === undefined) return undefined;
  }
  for (const url of part.valueSet ?? []) {
    const valueSet = terminology().valueSets.get(url.split('|', 1)[0] ?? url);
    const imported = valueSet === undefined ? undefined : codesOf(valueSet, depth + 1);
    if (imported === undefined) return undefined;
    codes = codes === undefined ? [...imported.values()] : codes.filter((one) => imported.has(keyOf(one)));
  }
  return codes ?? [];
}

function codesOfSystem(
  { concept, filter = [] }: ValueSetComposeInclude,
  system: string,
): readonly ExpandedCode[] | undefined {
  const shipped = terminology().codeSystems.get(system);
  if (concept !== undefined) {
    return concept.map(({ code, display }) => {
      const known = shipped?.concepts.get(code);
      return { system, code, display: display ?? known?.display, abstract: known?.abstract ?? false };
    });
  }
  if (shipped === undefined) return undefined;
  const codes: ExpandedCode[] = [];
  for (const one of shipped.concepts.values()) {
    const passed = filter.map((condition) => passes(shipped, one, condition));
    if (passed.includes('unknown')) return undefined;
    if (!passed.includes('no')) codes.push({ system, code: one.code, display: one.display, abstract: one.abstract });
  }
  return codes;
}
