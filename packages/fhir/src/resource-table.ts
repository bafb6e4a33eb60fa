import type { Category } from './categories.ts';
import {
  type CodeTable,
  DIAGNOSTIC_LOINC_PART,
  DIAGNOSTIC_SERVICE,
  DOCUMENT_CATEGORY,
  DOCUMENT_TYPE,
  LIST_CODE,
  OBSERVATION_CATEGORY,
  OBSERVATION_CODE,
  REPORT_CODE,
} from './category-codes.ts';

/** Where to look for a deciding code: the first coding of the first step that the table knows wins. */
export interface CategoryStep {
  readonly element: string;
  readonly codes: CodeTable;
}

export interface CategoryRule {
  readonly steps: readonly CategoryStep[];
  /** If one of these elements is present and no code decided. */
  readonly present?: { readonly elements: readonly string[]; readonly category: Category };
  readonly otherwise: Category;
}

/**
 * Whose a resource is (R4 CompartmentDefinition/patient, narrowed to its subject: performers, asserters and payees of a
 * record do not own it). Paths are dotted element names.
 */
export interface SubjectRule {
  /** The first of these paths that names a patient decides; two patients at one path refuse. */
  readonly subject: readonly string[];
  /** References to resources whose owner is also this one's, looked at when no patient is named. */
  readonly through: readonly string[];
  /** What holds when nothing is named at all. */
  readonly otherwise: 'refused' | 'organisation';
  /** Where naming several patients is what the type is for: it is the organisation's. Elsewhere that refuses. */
  readonly several?: 'organisation';
}

/** `self`: the patient's own resource; `refused`: exists in messages only and is never a record. */
export type OwnerRule = 'self' | 'organisation' | 'refused' | SubjectRule;

export interface ResourceRow {
  readonly owner: OwnerRule;
  readonly category: Category | CategoryRule;
}

function of(category: Category | CategoryRule, ...subject: readonly string[]): ResourceRow {
  return { owner: { subject, through: [], otherwise: 'refused' }, category };
}

function through(category: Category | CategoryRule, subject: readonly string[], links: readonly string[]): ResourceRow {
  return { owner: { subject, through: links, otherwise: 'refused' }, category };
}

function ofOrOrganisation(category: Category, subject: readonly string[], links: readonly string[] = []): ResourceRow {
  return { owner: { subject, through: links, otherwise: 'organisation' }, category };
}

const directory: ResourceRow = { owner: 'organisation', category: 'directory' };
const definition: ResourceRow = { owner: 'organisation', category: 'definitions' };
const message: ResourceRow = { owner: 'refused', category: 'other' };

const observation: CategoryRule = {
  steps: [
    { element: 'category', codes: OBSERVATION_CATEGORY },
    { element: 'category', codes: DIAGNOSTIC_SERVICE },
    { element: 'code', codes: OBSERVATION_CODE },
  ],
  present: { elements: ['specimen'], category: 'laboratory' },
  otherwise: 'findings',
};

const report: CategoryRule = {
  steps: [
    { element: 'category', codes: DIAGNOSTIC_SERVICE },
    { element: 'category', codes: DIAGNOSTIC_LOINC_PART },
    { element: 'category', codes: OBSERVATION_CATEGORY },
    { element: 'code', codes: REPORT_CODE },
  ],
  present: { elements: ['imagingStudy'], category: 'imaging' },
  otherwise: 'findings',
};

const document: CategoryRule = {
  steps: [
    { element: 'type', codes: DOCUMENT_TYPE },
    { element: 'category', codes: DOCUMENT_CATEGORY },
  ],
  otherwise: 'documents',
};

const list: CategoryRule = { steps: [{ element: 'code', codes: LIST_CODE }], otherwise: 'other' };

const media: CategoryRule = {
  steps: [],
  present: { elements: ['modality', 'view'], category: 'imaging' },
  otherwise: 'documents',
};

/** Every R4 (4.0.1) resource type: its owner and its category. */
export const RESOURCE_TABLE = {
  Account: of('financial', 'subject'),
  ActivityDefinition: definition,
  AdverseEvent: of('findings', 'subject'),
  AllergyIntolerance: of('allergies', 'patient'),
  Appointment: ofOrOrganisation('appointments', ['participant.actor']),
  AppointmentResponse: through('appointments', ['actor'], ['appointment']),
  AuditEvent: ofOrOrganisation('provenance', ['entity.what', 'agent.who'], []),
  Basic: of('other', 'subject'),
  Binary: through('documents', ['securityContext'], []),
  BiologicallyDerivedProduct: ofOrOrganisation('other', ['collection.source'], ['request', 'parent']),
  BodyStructure: of('findings', 'patient'),
  Bundle: message,
  CapabilityStatement: definition,
  CarePlan: of('care-plans', 'subject'),
  CareTeam: through('care-plans', ['subject'], ['encounter']),
  CatalogEntry: directory,
  ChargeItem: of('financial', 'subject'),
  ChargeItemDefinition: definition,
  Claim: of('financial', 'patient'),
  ClaimResponse: of('financial', 'patient'),
  ClinicalImpression: of('findings', 'subject'),
  CodeSystem: definition,
  Communication: through('messages', ['subject', 'recipient', 'sender'], ['encounter', 'about']),
  CommunicationRequest: through('messages', ['subject', 'recipient', 'sender', 'requester'], ['encounter', 'about']),
  CompartmentDefinition: definition,
  Composition: through(document, ['subject'], ['encounter']),
  ConceptMap: definition,
  Condition: of('problems', 'subject'),
  Consent: of('consents', 'patient'),
  Contract: of('consents', 'subject'),
  Coverage: of('financial', 'beneficiary'),
  CoverageEligibilityRequest: of('financial', 'patient'),
  CoverageEligibilityResponse: of('financial', 'patient'),
  DetectedIssue: through('findings', ['patient'], ['implicated']),
  Device: ofOrOrganisation('devices', ['patient']),
  DeviceDefinition: definition,
  DeviceMetric: through('devices', [], ['source', 'parent']),
  DeviceRequest: of('devices', 'subject'),
  DeviceUseStatement: of('devices', 'subject'),
  DiagnosticReport: of(report, 'subject'),
  DocumentManifest: through('documents', ['subject'], ['content']),
  DocumentReference: through(document, ['subject'], ['context.encounter']),
  EffectEvidenceSynthesis: definition,
  Encounter: of('encounters', 'subject'),
  Endpoint: directory,
  EnrollmentRequest: of('financial', 'candidate'),
  EnrollmentResponse: through('financial', [], ['request']),
  EpisodeOfCare: of('encounters', 'patient'),
  EventDefinition: definition,
  Evidence: definition,
  EvidenceVariable: definition,
  ExampleScenario: definition,
  ExplanationOfBenefit: of('financial', 'patient'),
  FamilyMemberHistory: of('findings', 'patient'),
  Flag: of('findings', 'subject'),
  Goal: of('care-plans', 'subject'),
  GraphDefinition: definition,
  Group: {
    owner: { subject: ['member.entity'], through: [], otherwise: 'organisation', several: 'organisation' },
    category: 'research',
  },
  GuidanceResponse: through('findings', ['subject'], ['encounter']),
  HealthcareService: directory,
  ImagingStudy: of('imaging', 'subject'),
  Immunization: of('immunizations', 'patient'),
  ImmunizationEvaluation: of('immunizations', 'patient'),
  ImmunizationRecommendation: of('immunizations', 'patient'),
  ImplementationGuide: definition,
  InsurancePlan: directory,
  Invoice: through('financial', ['subject', 'recipient'], ['account']),
  Library: definition,
  Linkage: through('identity', ['item.resource'], []),
  List: through(list, ['subject'], ['encounter']),
  Location: directory,
  Measure: definition,
  MeasureReport: ofOrOrganisation('findings', ['subject']),
  Media: through(media, ['subject'], ['encounter']),
  Medication: directory,
  MedicationAdministration: of('medication', 'subject'),
  MedicationDispense: through('medication', ['subject', 'receiver'], ['authorizingPrescription', 'context']),
  MedicationKnowledge: directory,
  MedicationRequest: of('medication', 'subject'),
  MedicationStatement: of('medication', 'subject'),
  MedicinalProduct: directory,
  MedicinalProductAuthorization: directory,
  MedicinalProductContraindication: directory,
  MedicinalProductIndication: directory,
  MedicinalProductIngredient: directory,
  MedicinalProductInteraction: directory,
  MedicinalProductManufactured: directory,
  MedicinalProductPackaged: directory,
  MedicinalProductPharmaceutical: directory,
  MedicinalProductUndesirableEffect: directory,
  MessageDefinition: definition,
  MessageHeader: message,
  MolecularSequence: through('genomics', ['patient'], ['specimen']),
  NamingSystem: definition,
  NutritionOrder: of('orders', 'patient'),
  Observation: of(observation, 'subject'),
  ObservationDefinition: definition,
  OperationDefinition: definition,
  OperationOutcome: message,
  Organization: directory,
  OrganizationAffiliation: directory,
  Parameters: message,
  Patient: { owner: 'self', category: 'identity' },
  PaymentNotice: through('financial', [], ['request', 'response']),
  PaymentReconciliation: { owner: 'organisation', category: 'financial' },
  Person: of('identity', 'link.target'),
  PlanDefinition: definition,
  Practitioner: directory,
  PractitionerRole: directory,
  Procedure: of('procedures', 'subject'),
  Provenance: through('provenance', ['target'], []),
  Questionnaire: definition,
  QuestionnaireResponse: through('questionnaires', ['subject'], ['encounter']),
  RelatedPerson: of('identity', 'patient'),
  RequestGroup: through('orders', ['subject'], ['encounter']),
  ResearchDefinition: definition,
  ResearchElementDefinition: definition,
  ResearchStudy: { owner: 'organisation', category: 'research' },
  ResearchSubject: of('research', 'individual'),
  RiskAssessment: of('findings', 'subject'),
  RiskEvidenceSynthesis: definition,
  Schedule: ofOrOrganisation('appointments', ['actor']),
  SearchParameter: definition,
  ServiceRequest: of('orders', 'subject'),
  Slot: through('appointments', [], ['schedule']),
  Specimen: of('laboratory', 'subject'),
  SpecimenDefinition: definition,
  StructureDefinition: definition,
  StructureMap: definition,
  Subscription: { owner: 'organisation', category: 'other' },
  Substance: directory,
  SubstanceNucleicAcid: directory,
  SubstancePolymer: directory,
  SubstanceProtein: directory,
  SubstanceReferenceInformation: directory,
  SubstanceSourceMaterial: directory,
  SubstanceSpecification: directory,
  SupplyDelivery: ofOrOrganisation('devices', ['patient'], ['basedOn']),
  SupplyRequest: ofOrOrganisation('devices', ['deliverTo', 'requester'], ['reasonReference']),
  Task: through('orders', ['for'], ['focus', 'encounter']),
  TerminologyCapabilities: definition,
  TestReport: definition,
  TestScript: definition,
  ValueSet: definition,
  VerificationResult: directory,
  VisionPrescription: of('orders', 'patient'),
} as const satisfies Record<string, ResourceRow>;

export type ResourceType = keyof typeof RESOURCE_TABLE;

export const RESOURCE_TYPES: readonly ResourceType[] = Object.keys(RESOURCE_TABLE) as ResourceType[];

export function isResourceType(value: unknown): value is ResourceType {
  return typeof value === 'string' && Object.hasOwn(RESOURCE_TABLE, value);
}

/** The table's row of a type. */
export function rowOf(type: ResourceType): ResourceRow {
  return RESOURCE_TABLE[type];
}
