export {
  type CreatedEntry,
  type CurrentResource,
  type DeletedEntry,
  type MatchedEntry,
  type ReadEntry,
  type ResolvedBundle,
  type ResolvedEntry,
  type ResolveOptions,
  type ResourceLookup,
  type ResourceName,
  resolveBundle,
  type UpdatedEntry,
} from './bundle.ts';
export { BUNDLE_ENTRIES_MAX, entriesOf, type RequestEntry, requestEntries } from './bundle-entry.ts';
export { type ClassifiedEntry, classifyBundle, ownersSought } from './bundle-owners.ts';
export {
  batchResponse,
  type EntryAnswer,
  type EntryOutcome,
  responseLinks,
  transactionResponse,
} from './bundle-response.ts';
export {
  CATEGORIES,
  CATEGORY_TABLE_VERSION,
  type Category,
  isCategory,
  isLabelClass,
  LABEL_CLASSES,
  type LabelClass,
  PAIRS,
  type Pair,
  pairIndex,
} from './categories.ts';
export { type Classification, categoryOf, classify } from './classify.ts';
export { loadDefinitions } from './definitions.ts';
export { issueOf } from './error-outcome.ts';
export { FHIR_ERROR_CODES, FhirError, type FhirErrorCode } from './fhir-error.ts';
export {
  findIdentifierQuery,
  hasIdentifier,
  type IdentifierQuery,
  identifiersOf,
  parseIdentifierQuery,
} from './identifier-query.ts';
export { hasErrors, type Issue, type IssueCode, operationOutcome } from './issue.ts';
export { applyJsonPatch, JSON_PATCH_TYPE, parseJsonPatch, patchOfBinary } from './json-patch.ts';
export { labelClassOf } from './label-class.ts';
export { type LinkKind, type LinkReplacer, rewriteLinks } from './links.ts';
export { type Owner, type OwnerOfReference, ownerOf, ownerRuleOf } from './owner.ts';
export { JSON_DEPTH_MAX, JSON_LIMITS, JSON_SIZE_BYTES_MAX, type JsonLimits, parseFhirJson } from './parse-json.ts';
export { FHIR_ID, type ParsedReference, parseReference, referencesAt } from './reference.ts';
export { mapReferences } from './reference-elements.ts';
export type {
  ChangeOptions,
  HistoryEntry,
  HistoryQuery,
  HistoryResult,
  HistoryScope,
  ReadResult,
  Repository,
  ResourceBody,
  TransactionOptions,
  TransactionResult,
  WriteResult,
  WriteTarget,
} from './repository.ts';
export { withId, withVersion } from './resource.ts';
export { isResourceType, RESOURCE_TYPES, type ResourceType, rowOf } from './resource-table.ts';
export { type SameResourceOptions, sameResource } from './same-resource.ts';
export { patientCompartment } from './search/compartment.ts';
export { type Filter, isSupportedParameter, type Modifier } from './search/filter.ts';
export { foldText } from './search/fold-text.ts';
export { type IndexTerm, indexTermsOf, termsOfFilter, typeTerm } from './search/index-terms.ts';
export { matchesFilter, type OwnFilter } from './search/matching.ts';
export { patientsNamedBy } from './search/named-patients.ts';
export { type Period, parsePeriod } from './search/period.ts';
export { phoneticCodes } from './search/phonetic.ts';
export { type SearchParameter, type SearchType, searchParametersOf } from './search/search-parameter.ts';
export {
  type Include,
  type ParsedSearch,
  parseSearch,
  type SearchOptions,
  type SearchRequest,
  type SortKey,
} from './search/search-request.ts';
export type { Prefix, SearchValue } from './search/search-value.ts';
export { type SearchableValue, searchableValues } from './search/searchable-values.ts';
export { summaryOf } from './search/summary.ts';
export { type Property, shapeOf } from './shape.ts';
export { ISSUES_MAX } from './structure.ts';
export { type Expansion, type ExpansionRequest, expandValueSet } from './terminology/expansion.ts';
export { isUcumUnit, UCUM } from './terminology/ucum.ts';
export {
  type CodeAnswer,
  type CodeQuestion,
  findConcept,
  isShippedSystem,
  validateCodeIn,
  validateCodeOf,
} from './terminology/validate-code.ts';
export {
  type FhirTree,
  type FhirValue,
  isTree,
  numberLiteral,
  type RawNumber,
  sameValue,
  stringifyFhirJson,
  toPlain,
} from './tree.ts';
export { type ValidateOptions, validateForWrite, validateResource } from './validate.ts';
export { demandValidPatches, validateTransaction } from './validate-transaction.ts';
export { parseFhirXml } from './xml/parse-xml.ts';
export { writeFhirXml } from './xml/write-xml.ts';
