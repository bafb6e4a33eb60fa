/** What reads resources without the R4 definitions: for a browser, where every kilobyte is waited for. */
export {
  CATEGORIES,
  type Category,
  isCategory,
  LABEL_CLASSES,
  type LabelClass,
} from './categories.ts';
export { categoryOf } from './classify.ts';
export { FhirError } from './fhir-error.ts';
export { labelClassOf } from './label-class.ts';
export { parseFhirJson } from './parse-json.ts';
export {
  type FhirTree,
  type FhirValue,
  isList,
  isTree,
  listOf,
  numberLiteral,
  stringifyFhirJson,
  stringOf,
} from './tree.ts';
