import { type FhirTree, type FhirValue, isTree } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import type { Place } from '../place.ts';

const NAMESPACE = 'http://www.w3.org/1999/xhtml';
const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** HTML 4.0 chapters 7 to 11 and 15 (R4 §2.4.0.1, txt-1); what else `narrativeFault` lets pass is old or needless. */
const ELEMENTS = words(
  'p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr address bdo kbd ' +
    'sub sup ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp img map area',
);
const ATTRIBUTES = words(
  'title style class id lang xml:lang xml:space dir accesskey tabindex span width align valign char charoff abbr axis ' +
    'headers scope rowspan colspan',
);
const OF_ELEMENT: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['a', words('href name charset type hreflang rel rev shape coords')],
  ['img', words('src border alt longdesc height width usemap ismap')],
  ['blockquote', words('cite')],
  ['q', words('cite')],
  ['map', words('name')],
  ['area', words('shape coords href nohref alt')],
  ['table', words('summary width border frame rules cellspacing cellpadding')],
  ['pre', words('space')],
  ['td', words('nowrap')],
]);
const BLOCKS = words('div pre table ul ol');
/** Text: no blocks inside. */
const PHRASES = words(
  'p h1 h2 h3 h4 h5 h6 pre address a b em i strong small big sub sup code tt dfn q var abbr acronym cite bdo kbd samp span caption dd dt',
);
/** Not inside themselves. */
const SINGLE = words('a b em i strong small big sub sup code tt dfn q var abbr acronym cite bdo kbd samp');
const CHILDREN: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['table', words('tbody tr caption thead tfoot col colgroup')],
  ['tr', words('td th')],
  ['tbody', words('tr')],
  ['thead', words('tr td th')],
  ['tfoot', words('tr td th')],
  ['ul', words('li')],
  ['ol', words('li')],
  ['dl', words('dd dt')],
  ['map', words('area')],
]);
const PARENTS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['tr', words('table thead tfoot tbody')],
  ['tbody', words('table')],
  ['thead', words('table')],
  ['tfoot', words('table')],
  ['caption', words('table')],
  ['colgroup', words('table')],
  ['col', words('colgroup table')],
  ['th', words('tr thead tfoot')],
  ['td', words('tr thead tfoot')],
  ['li', words('ul ol')],
  ['dd', words('dl')],
  ['dt', words('dl')],
]);

const PART = /<!--[\s\S]*?-->|<(\/?)([A-Za-z][A-Za-z0-9]*)((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>|([^<]+)/g;
const ATTRIBUTE = /([A-Za-z_:][A-Za-z0-9_:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/**
 * The narrative of a resource as strictly as txt-1 means it. `narrativeFault` has refused what is dangerous or no XHTML;
 * this refuses what is out of place: a list in a paragraph, a cell without a row, a link to nowhere.
 */
export function checkNarrative(walk: Walk, div: string, path: string, place: Place): void {
  const faults = new Set<string>();
  const open: string[] = [];
  for (const [, closing, name = '', attributes = '', empty, text] of div.matchAll(PART)) {
    const parent = open.at(-1);
    if (text !== undefined) {
      if (text.trim() !== '' && CHILDREN.has(parent ?? ''))
        faults.add('text stands between the parts of a table or list');
    } else if (closing === '/') open.pop();
    else if (name !== '') {
      placeFaults(name, open, faults);
      attributeFaults(name, attributes, open.length === 0, faults);
      for (const target of linksIn(attributes)) {
        if (/^(?:urn|cid):/.test(target)) faults.add('a link has a scheme that nothing opens');
        else if (target.startsWith('#') && target !== '#' && !resolves(target.slice(1), place)) {
          faults.add('a link inside the narrative leads nowhere');
        }
      }
      if (empty === '') open.push(name);
    }
  }
  for (const fault of faults) walk.findings.error('invariant', `Constraint txt-1 not met: ${fault}`, path);
}

function placeFaults(name: string, open: readonly string[], faults: Set<string>): void {
  const parent = open.at(-1);
  if (!ELEMENTS.has(name)) faults.add('an element is not allowed');
  if (BLOCKS.has(name) && open.some((outer) => PHRASES.has(outer))) faults.add('a block stands inside text');
  if (SINGLE.has(name) && open.includes(name)) faults.add('an element stands inside another of its name');
  if (parent !== undefined && CHILDREN.get(parent)?.has(name) === false) faults.add('an element is out of its place');
  if (PARENTS.get(name)?.has(parent ?? '') === false) faults.add('an element is out of its place');
}

function attributeFaults(name: string, attributes: string, isRoot: boolean, faults: Set<string>): void {
  let namespace: string | undefined;
  for (const [, attribute = '', double, single] of attributes.matchAll(ATTRIBUTE)) {
    if (attribute === 'xmlns') namespace = double ?? single;
    else if (
      !attribute.startsWith('xmlns:') &&
      !ATTRIBUTES.has(attribute) &&
      OF_ELEMENT.get(name)?.has(attribute) !== true
    ) {
      faults.add('an attribute is not allowed');
    }
  }
  if (isRoot ? namespace !== NAMESPACE : namespace !== undefined && namespace !== NAMESPACE) {
    faults.add(`the namespace must be ${NAMESPACE}`);
  }
}

function* linksIn(attributes: string): Generator<string> {
  for (const [, attribute, double, single] of attributes.matchAll(ATTRIBUTE)) {
    if (attribute === 'href') yield double ?? single ?? '';
  }
}

/** An id of the resource, its elements or its narratives; in a bundle also of a neighbour, which is not looked for. */
function resolves(target: string, { root, bundle }: Place): boolean {
  return bundle !== undefined || idsOf(root).has(target);
}

const idsByResource = new WeakMap<FhirTree, ReadonlySet<string>>();

function idsOf(root: FhirTree): ReadonlySet<string> {
  let ids = idsByResource.get(root);
  if (ids === undefined) {
    const gathered = new Set<string>();
    gatherIds(root, gathered);
    ids = gathered;
    idsByResource.set(root, ids);
  }
  return ids;
}

function gatherIds(value: FhirValue | undefined, into: Set<string>): void {
  if (Array.isArray(value)) for (const one of value as readonly FhirValue[]) gatherIds(one, into);
  if (!isTree(value)) return;
  if (typeof value.id === 'string') into.add(value.id);
  if (typeof value.div === 'string') {
    for (const [, double, single] of value.div.matchAll(/\s(?:id|name)\s*=\s*(?:"([^"]*)"|'([^']*)')/g))
      into.add(double ?? single ?? '');
  }
  for (const key of Object.keys(value)) gatherIds(value[key], into);
}
