import { type ListedRecord, type PatientRequest, previewOpening } from '@salus/client';
import type { Grantee, Purpose } from '@salus/contracts';
import { LABEL_CLASSES } from '@salus/fhir';
import type { GrantChoice } from '@salus/wallet';
import { CliError } from './cli-error.ts';
import { describeGrantee } from './commands/request.ts';
import { table, when } from './terminal.ts';

const DAY_MS = 86_400_000;
export const GRANT_DAYS = 30;
/** The ledger's clock may run a little behind this device's. */
const CLOCK_SLACK_MS = 60_000;
const NORMAL = ['N'];

/** What a patient said on the command line; what is left out stays closed. */
export interface GrantWords {
  readonly to?: string;
  readonly categories?: readonly string[];
  readonly labels?: readonly string[];
  readonly purposes?: readonly Purpose[];
  readonly types?: readonly string[];
  readonly records?: readonly string[];
  readonly dataFrom?: number;
  readonly dataTo?: number;
  readonly until?: number;
  readonly days?: number;
  readonly maxUses?: number;
  readonly except?: readonly string[];
  readonly mayKeep?: boolean;
  readonly delegate?: number;
}

/** Puts words and request together; the words win, and nothing but what was asked is taken from the request. */
export function choiceOf(
  pid: string,
  words: GrantWords,
  { asked, nowMs }: { readonly asked: PatientRequest['asked'] | undefined; readonly nowMs: number },
): GrantChoice {
  const grantee = words.to === undefined ? asked?.grantee : parseGranteeWord(words.to);
  const categories = words.categories ?? asked?.categories;
  if (grantee === undefined || categories === undefined) {
    const next = 'Give --request ID (see `salus requests`), or --to WHO and --categories LIST.';
    throw new CliError('bad-usage', 'Say to whom, and what.', { next });
  }
  const days = words.days ?? (asked?.notAfterMs === null || asked === undefined ? GRANT_DAYS : undefined);
  const ahead = days === undefined ? (asked?.notAfterMs ?? nowMs) : nowMs + days * DAY_MS;
  return {
    pid,
    grantee,
    categories,
    labelClasses: labelsOf(words.labels),
    purposes: words.purposes ?? asked?.purposes ?? ['TREAT'],
    notBeforeMs: nowMs - CLOCK_SLACK_MS,
    notAfterMs: words.until ?? ahead,
    ...narrowings(words),
  };
}

/** The terms inside one category that words narrow, each absent where nothing was said. */
export function narrowings(
  words: GrantWords,
): Partial<
  Pick<
    GrantChoice,
    'resourceTypes' | 'records' | 'dataFromMs' | 'dataToMs' | 'maxUses' | 'exceptActors' | 'mayKeep' | 'delegationDepth'
  >
> {
  return {
    ...(words.types === undefined ? {} : { resourceTypes: words.types }),
    ...(words.records === undefined ? {} : { records: words.records }),
    ...(words.dataFrom === undefined ? {} : { dataFromMs: words.dataFrom }),
    ...(words.dataTo === undefined ? {} : { dataToMs: words.dataTo }),
    ...(words.maxUses === undefined ? {} : { maxUses: words.maxUses }),
    ...(words.except === undefined ? {} : { exceptActors: words.except }),
    ...(words.mayKeep === undefined ? {} : { mayKeep: words.mayKeep }),
    ...(words.delegate === undefined ? {} : { delegationDepth: words.delegate }),
  };
}

/** `all`, or label classes; without a word only what is labelled normal. */
export function labelsOf(labels: readonly string[] | undefined): readonly string[] {
  if (labels === undefined) return NORMAL;
  if (labels.length === 1 && labels[0] === 'all') return LABEL_CLASSES;
  const known: readonly string[] = LABEL_CLASSES;
  const wrong = labels.find((label) => !known.includes(label));
  if (wrong === undefined) return labels;
  const next = `Known: all, ${LABEL_CLASSES.join(', ')}.`;
  throw new CliError('bad-usage', `${wrong} is no label class.`, { next });
}

/** What a choice opens of a patient's records, in words, before anything is granted. */
export function describeOpening(
  organisation: string,
  choice: GrantChoice,
  records: readonly ListedRecord[],
): { readonly text: string; readonly opens: number; readonly staysClosed: number } {
  const { opens, staysClosed, groups } = previewOpening(choice, records);
  const rows = groups.map((group) => [
    group.category,
    group.labelClass,
    String(group.opens),
    String(group.staysClosed),
  ]);
  const terms = [
    `${describeGrantee(choice.grantee)} may read at ${organisation}, for ${choice.purposes.join(', ')}, until ${when(choice.notAfterMs)}`,
    ...(choice.maxUses === undefined ? [] : [`at most ${choice.maxUses} times (a time is a session of 15 minutes)`]),
    ...(choice.mayKeep === true ? ['and may keep a copy'] : []),
    ...(choice.delegationDepth === undefined || choice.delegationDepth === 0 ? [] : ['and may pass it on, narrowed']),
  ];
  const narrowed = ['resourceTypes', 'records', 'dataFromMs', 'dataToMs'].some((name) => Object.hasOwn(choice, name));
  const notes = [
    'Records that are written later in these categories are opened too, until then.',
    ...(narrowed
      ? [
          'Type, period and single records are enforced by the hospital that releases them; categories and labels by encryption.',
        ]
      : []),
    'What somebody has read cannot be taken back.',
  ];
  const text = [`${terms.join(', ')}.`, table(['category', 'label', 'opens', 'stays closed'], rows), ...notes].join(
    '\n',
  );
  return { text, opens, staysClosed };
}

/** `hospital-b`, `role:clinician@hospital-b`, `person:<id>@hospital-b`, `study:<study>@research`. */
function parseGranteeWord(word: string): Grantee {
  const match = /^(?:(role|person|client|study):([A-Za-z0-9_-]{1,32})@)?([a-z][a-z0-9-]{1,31})$/.exec(word);
  const [, kind, name, organisation] = match ?? [];
  if (organisation === undefined) {
    const next = 'Give hospital-b, role:clinician@hospital-b, person:<id>@hospital-b or study:<study>@research.';
    throw new CliError('bad-usage', `${word} is nobody who can be granted access.`, { next });
  }
  if (kind === undefined || name === undefined) return { kind: 'organisation', organisation };
  switch (kind) {
    case 'role':
      return { kind, organisation, role: name };
    case 'study':
      return { kind, organisation, study: name };
    default:
      return { kind: kind === 'client' ? 'client' : 'person', organisation, id: name };
  }
}
