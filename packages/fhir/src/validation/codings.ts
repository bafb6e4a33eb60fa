import { conceptOf } from '../terminology/membership.ts';
import { type Concept, terminology } from '../terminology/terminology-store.ts';
import { isUcumUnit, UCUM } from '../terminology/ucum.ts';
import { type FhirTree, stringOf } from '../tree.ts';
import type { Walk } from './check-element.ts';
import type { Place } from './place.ts';

/** Systems that R4 itself defines: closed with it, so that a code that is not there never will be. */
const CLOSED = /^http:\/\/hl7\.org\/fhir\/(?!sid\/|test)/;

/** A Coding wherever it stands (R4 §2.24.0.7): its system names a code system, and the code is one of that. */
export function checkCodingOf(walk: Walk, coding: FhirTree, path: string, place: Place): void {
  const system = stringOf(coding.system);
  const code = stringOf(coding.code);
  if (system === undefined) return;
  if (!/^(?:https?|urn):/.test(system)) {
    walk.findings.error(
      'code-invalid',
      'Coding.system must be an absolute reference, not a local reference',
      `${path}.system`,
    );
    return;
  }
  if (system === UCUM && code !== undefined && !isUcumUnit(code)) {
    walk.findings.error('code-invalid', 'the code is no unit of UCUM', `${path}.code`);
  }
  if (!walk.strict) return;
  const concept = checkAgainstSystem(walk, system, code, path);
  if (concept !== undefined && !isDisplayOf(concept, stringOf(coding.display))) {
    const text = 'the display is not one of the code';
    if (CLOSED.test(system) && isEnglish(place)) walk.findings.error('code-invalid', text, `${path}.display`);
    else walk.findings.warning('code-invalid', text, `${path}.display`);
  }
}

/** The concept, where the system is shipped and has it. */
function checkAgainstSystem(walk: Walk, system: string, code: string | undefined, path: string): Concept | undefined {
  const { codeSystems, valueSets } = terminology();
  const bare = system.split('|', 1)[0] ?? system;
  if (valueSets.has(bare) && !codeSystems.has(bare)) {
    walk.findings.error('code-invalid', 'the Coding references a value set, not a code system', `${path}.system`);
    return undefined;
  }
  if (code === undefined) return undefined;
  const shipped = codeSystems.get(system);
  if (shipped === undefined) {
    checkForm(walk, system, code, `${path}.code`);
    return undefined;
  }
  const concept = conceptOf(shipped, code);
  if (concept !== undefined) return concept;
  if (CLOSED.test(system)) walk.findings.error('code-invalid', 'the code is not in its code system', `${path}.code`);
  else walk.findings.warning('code-invalid', 'the code is not in its code system as R4 ships it', `${path}.code`);
  return undefined;
}

function isDisplayOf(concept: Concept, display: string | undefined): boolean {
  if (display === undefined || concept.display === undefined) return true;
  const said = folded(display);
  return [concept.display, ...concept.designations].some((one) => folded(one) === said);
}

/** R4's displays are English: in another language a display is a translation that nothing here can tell. */
function isEnglish({ tree, root }: Place): boolean {
  const language = stringOf(tree.language) ?? stringOf(root.language);
  return language === undefined || /^en\b/i.test(language);
}

function folded(display: string): string {
  return display.trim().replace(/\s+/g, ' ').toLowerCase();
}

/**
 * Codes of systems that are not shipped have a form and a check digit. A wrong one is no code of any edition, but real
 * data has such, and the systems themselves are not here to say so: a warning.
 */
function checkForm(walk: Walk, system: string, code: string, path: string): void {
  const isCode = system === 'http://snomed.info/sct' ? isSct(code) : system !== 'http://loinc.org' || isLoinc(code);
  if (!isCode)
    walk.findings.warning('code-invalid', 'the code has not the form or check digit of its code system', path);
}

const VERHOEFF_PRODUCT = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
];
const VERHOEFF_PERMUTATION = [
  '0123456789',
  '1576283094',
  '5803796142',
  '8916043527',
  '9453126870',
  '4286573901',
  '2793806415',
  '7046913258',
];

/** SNOMED CT release file specification §5.4: 6 to 18 digits, the last of them Verhoeff's; or an expression of such. */
function isSct(code: string): boolean {
  if (!/^[1-9][0-9]{5,17}$/.test(code)) return /^(?:[1-9][0-9]{5,17}\b.*[:+|{<=]|[(=<])/s.test(code);
  let check = 0;
  for (let at = 0; at < code.length; at++) {
    const digit = Number(code[code.length - 1 - at]);
    check = Number(VERHOEFF_PRODUCT[check]?.[Number(VERHOEFF_PERMUTATION[at % 8]?.[digit])]);
  }
  return check === 0;
}

/** LOINC Users' Guide, appendix C: a number with a check digit by modulus 10; or a part, list, answer. */
function isLoinc(code: string): boolean {
  const match = /^([0-9]{1,7})-([0-9])$/.exec(code);
  if (match === null) return /^(?:LP|LA|LL|LG|MTHU)[0-9]+(?:-[0-9X])?$/i.test(code);
  const [, number = '', check] = match;
  let sum = 0;
  for (let at = 0; at < number.length; at++) {
    const digit = Number(number[number.length - 1 - at]);
    const doubled = at % 2 === 0 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return (10 - (sum % 10)) % 10 === Number(check);
}
