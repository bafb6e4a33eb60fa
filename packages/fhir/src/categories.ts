/**
 * The closed list of what a patient can grant (DESIGN: exactly one category and one label class per record, set at
 * write). Keys, grants and ledger commitments rest on the order of `PAIRS`: it is frozen. A new category is appended
 * to the end and raises the version; nothing is ever renamed, moved or removed.
 */
export const CATEGORY_TABLE_VERSION = 1;

export const CATEGORIES = [
  'laboratory',
  'medication',
  'imaging',
  'vital-signs',
  'problems',
  'allergies',
  'immunizations',
  'procedures',
  'encounters',
  'documents',
  'notes',
  'financial',
  'identity',
  'care-plans',
  'questionnaires',
  'devices',
  'consents',
  'appointments',
  'orders',
  'social-history',
  'findings',
  'genomics',
  'research',
  'messages',
  'provenance',
  'directory',
  'definitions',
  'other',
] as const;

export type Category = (typeof CATEGORIES)[number];

/**
 * `N` is normal. The rest are sensitivities of HL7 v3 ActCode (`_InformationSensitivityPolicy`), coarsened to what a
 * patient can decide on: PSY mental health, HIV, SUD substance use, SEX sexuality and reproduction, SDV abuse and
 * violence, GDIS genetic disease; `R` is restricted for another reason, or for several of these at once.
 */
export const LABEL_CLASSES = ['N', 'PSY', 'HIV', 'SUD', 'SEX', 'SDV', 'GDIS', 'R'] as const;

export type LabelClass = (typeof LABEL_CLASSES)[number];

export interface Pair {
  readonly category: Category;
  readonly labelClass: LabelClass;
}

/** Every (category, label class) pair; the index of a pair is its leaf in an epoch's completeness tree. */
export const PAIRS: readonly Pair[] = CATEGORIES.flatMap((category) =>
  LABEL_CLASSES.map((labelClass) => ({ category, labelClass })),
);

/** The index of a pair in `PAIRS`. */
export function pairIndex(category: Category, labelClass: LabelClass): number {
  return CATEGORIES.indexOf(category) * LABEL_CLASSES.length + LABEL_CLASSES.indexOf(labelClass);
}

export function isCategory(value: unknown): value is Category {
  return (CATEGORIES as readonly unknown[]).includes(value);
}

export function isLabelClass(value: unknown): value is LabelClass {
  return (LABEL_CLASSES as readonly unknown[]).includes(value);
}
