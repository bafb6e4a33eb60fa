import { isResourceType } from '../resource-table.ts';
import { type FhirTree, isList, isTree } from '../tree.ts';
import type { Walk } from './check-element.ts';
import { structureOfUrl } from './definition-store.ts';
import type { Place } from './place.ts';
import { isAbsoluteUrl } from './primitive-format.ts';
import type { ElementRule, Structure } from './structures.ts';

/** An Extension where it stands; `rule` is the element (`Patient.extension`, `Extension.extension`). */
export function checkExtension(walk: Walk, rule: ElementRule, value: FhirTree, path: string, place: Place): void {
  const hasValue = Object.keys(value).some((key) => /^_?value[A-Z]/.test(key));
  if (hasValue === isList(value.extension)) {
    walk.findings.error(
      'invariant',
      'Constraint ext-1 not met: Must have either extensions or value[x], not both',
      path,
    );
  }
  const { url } = value;
  // Inside another extension a URL is relative to it (R4 §2.5.1.1).
  if (typeof url !== 'string' || rule.path === 'Extension.extension') return;
  if (!isAbsoluteUrl(url)) {
    walk.findings.error('value', 'Extension.url must be an absolute URL', `${path}.url`);
    return;
  }
  if (url.includes('|')) walk.findings.error('value', 'an extension is named without a version', `${path}.url`);
  if (!walk.strict) return;
  const structure = structureOfUrl(url);
  if (structure === undefined || structure.type !== 'Extension') {
    walk.findings.warning('not-found', 'the extension is not known here', path);
    return;
  }
  if (isElsewhere(structure, place)) {
    walk.findings.warning('structure', 'the extension is defined for other resources', path);
  }
  checkKnown(walk, structure, value, rule.name === 'modifierExtension', path);
}

/**
 * Is the extension defined for elements of other resource types only? A remark, not an error: later editions of the same
 * definitions widen where many of them may stand.
 */
function isElsewhere({ contexts }: Structure, { tree }: Place): boolean {
  const types = contexts.map(({ type, expression }) => (type === 'element' ? (expression.split('.', 1)[0] ?? '') : ''));
  return types.length > 0 && types.every((type) => isResourceType(type) && type !== tree.resourceType);
}

/** Value type, sub-extensions and modifier status of an extension that R4 defines. */
function checkKnown(walk: Walk, { root }: Structure, value: FhirTree, modifier: boolean, path: string): void {
  if (root.isModifier !== modifier) {
    walk.findings.error('structure', modifier ? 'the extension is no modifier' : 'the extension is a modifier', path);
  }
  checkContent(walk, root, value, path);
}

function checkContent(walk: Walk, rule: ElementRule, value: FhirTree, path: string): void {
  const valueRule = rule.children.find(({ name }) => name === 'value');
  const extensionRule = rule.children.find(({ name }) => name === 'extension');
  const json = Object.keys(value).find((key) => /^value[A-Z]/.test(key));
  if (json !== undefined && valueRule !== undefined) {
    const types =
      valueRule.max === 0
        ? []
        : valueRule.types.map(({ code }) => `value${code.charAt(0).toUpperCase()}${code.slice(1)}`);
    if (!types.includes(json))
      walk.findings.error('structure', 'the extension has a value of a type that its definition does not allow', path);
  }
  if (json === undefined && isList(value.extension) && extensionRule?.max === 0) {
    walk.findings.error('structure', 'the extension is simple: it must have a value, not extensions', path);
  }
  if (isList(value.extension) && extensionRule !== undefined && extensionRule.slices.length > 0) {
    checkParts(walk, extensionRule, value.extension.filter(isTree), path);
  }
}

/** The parts of a complex extension: each is a slice by its URL. */
function checkParts(walk: Walk, rule: ElementRule, parts: readonly FhirTree[], path: string): void {
  const slices = new Map(rule.slices.map((slice) => [urlOf(slice), slice]));
  for (const [index, part] of parts.entries()) {
    const { url } = part;
    const slice = typeof url === 'string' ? slices.get(url) : undefined;
    if (slice !== undefined) checkContent(walk, slice, part, `${path}.extension[${index}]`);
    else if (typeof url !== 'string' || !isAbsoluteUrl(url)) {
      walk.findings.error(
        'structure',
        'the extension has a part that its definition does not name',
        `${path}.extension[${index}]`,
      );
    }
  }
  for (const [url, { min, max }] of slices) {
    const count = parts.filter((part) => part.url === url).length;
    if (count < min) walk.findings.error('required', 'the extension lacks a part', path);
    if (count > max) walk.findings.error('structure', 'the extension has a part too often', path);
  }
}

function urlOf(slice: ElementRule): string {
  const fixed = slice.children.find(({ name }) => name === 'url')?.fixed;
  return typeof fixed === 'string' ? fixed : (slice.types[0]?.profiles[0] ?? '');
}
