import { categoryOf, type FhirTree } from '@salus/fhir';
import { coded, conceptOf, element, entityOf, present, type Reading, timeOf } from './data-types.ts';
import { type Draft, NOTHING_SAID, newUrl, queriesOf } from './draft.ts';
import { refuseMessage } from './fault.ts';
import { displayOf, practitionerOf } from './map-encounter.ts';
import { componentOf, type Segment } from './message.ts';
import { attachmentOf, resultValue } from './observation-value.ts';
import { codingSystem, INTERPRETATIONS, OBSERVATION_STATUS, REPORT_STATUS } from './tables.ts';

const OBSERVATION_CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
const INTERPRETATION = 'http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation';

/** One order with its results: ORC, OBR, its notes, and each OBX with its own. */
export interface OrderGroup {
  readonly order: Segment | undefined;
  readonly request: Segment;
  readonly notes: readonly Segment[];
  readonly results: readonly { readonly segment: Segment; readonly notes: readonly Segment[] }[];
}

/** ORDER_OBSERVATION groups of an ORU^R01, by the order of its segments (HL7 v2.5.1 §7.3.1). */
export function orderGroups(segments: readonly Segment[]): readonly OrderGroup[] {
  const groups: {
    order: Segment | undefined;
    request: Segment;
    notes: Segment[];
    results: { segment: Segment; notes: Segment[] }[];
  }[] = [];
  let order: Segment | undefined;
  for (const segment of segments) {
    const group = groups.at(-1);
    switch (segment.name) {
      case 'ORC':
        order = segment;
        break;
      case 'OBR':
        groups.push({ order, request: segment, notes: [], results: [] });
        order = undefined;
        break;
      case 'OBX':
        if (group === undefined)
          throw refuseMessage('100', 'a result stands before its request', { location: `OBX^${segment.sequence}` });
        group.results.push({ segment, notes: [] });
        break;
      case 'NTE':
        (group?.results.at(-1)?.notes ?? group?.notes)?.push(segment);
        break;
      default:
        break;
    }
  }
  return groups;
}

/** OBR and OBX → DiagnosticReport, Observations, Practitioners (v2-to-FHIR 1.0.0, OBR-to-DiagnosticReport, OBX-to-Observation). */
export function mapResults(group: OrderGroup, patient: string, reading: Reading): readonly Draft[] {
  const { request } = group;
  const about = { subject: { reference: patient } };
  const names = orderNames(group, reading);
  const attached = group.results.filter(({ segment }) => segment.text(2).toUpperCase() === 'ED');
  const observed = group.results.filter((result) => !attached.includes(result));
  const practitioners: Draft[] = [];
  const observations = observed.map(({ segment, notes }): Draft => {
    const performers = segment.repetitions(16).map((person) => practitionerOf(person, reading));
    practitioners.push(...present(performers.map(({ draft }) => draft)));
    const identity = { system: reading.ownSystem('observation'), value: `${names.key}/${keyOf(segment)}` };
    const resource = observationOf(segment, { notes, request, about, reading });
    return {
      type: 'Observation',
      fullUrl: newUrl(),
      resource: {
        ...resource,
        ...(names.key === undefined ? {} : { identifier: [identity] }),
        ...(performers.length === 0 ? {} : { performer: present(performers.map(({ reference }) => reference)) }),
      },
      identity: names.key === undefined ? [] : [identity],
      known: 'replace',
      ...NOTHING_SAID,
    };
  });
  const report = reportOf(group, {
    names,
    about,
    reading,
    observations,
    attached: attached.map(({ segment }) => segment),
  });
  return [...practitioners, ...observations, report];
}

type Names = {
  readonly identifiers: readonly FhirTree[];
  /** Names the report among all of its sender; undefined where the order has no number. */
  readonly key: string | undefined;
};

function orderNames({ order, request }: OrderGroup, reading: Reading): Names {
  const placer = entityOf(request.repetitions(2)[0] ?? order?.repetitions(2)[0], reading, 'PLAC');
  const filler = entityOf(request.repetitions(3)[0] ?? order?.repetitions(3)[0], reading, 'FILL');
  const [number] = queriesOf(present([filler, placer]));
  const parts = number === undefined ? [] : [number.system ?? '', number.value, request.text(4)];
  return {
    identifiers: present([filler, placer]),
    key: parts.length === 0 ? undefined : parts.map(encodeURIComponent).join('/'),
  };
}

/** What tells one result of an order from the others: code and sub-id, else its own identifier. */
function keyOf(result: Segment): string {
  return [result.text(3), result.text(4)].map(encodeURIComponent).join('/');
}

type Facts = {
  readonly notes: readonly Segment[];
  readonly request: Segment;
  readonly about: FhirTree;
  readonly reading: Reading;
};

function observationOf(result: Segment, { notes, request, about, reading }: Facts): FhirTree {
  const location = (field: number): string => `OBX^${result.sequence}^${field}`;
  const code = conceptOf(result.repetitions(3)[0]);
  if (code === undefined) throw refuseMessage('101', 'a result has no code', { location: location(3) });
  const status = coded(OBSERVATION_STATUS, result.text(11), location(11));
  if (status === undefined) throw refuseMessage('101', 'a result has no status', { location: location(11) });
  const method = conceptOf(result.repetitions(17)[0]);
  const observation = element({
    resourceType: 'Observation',
    status,
    code,
    ...about,
    effectiveDateTime: timeOf(result, 14, reading) ?? timeOf(request, 7, reading),
    issued: instantOf(result, 19, reading) ?? instantOf(request, 22, reading),
    ...resultValue(result, reading),
    interpretation: result.repetitions(8).flatMap((repetition) => {
      const interpretation = componentOf(repetition, 1);
      return interpretation === '' ? [] : [interpretationOf(interpretation)];
    }),
    note: annotationsOf(notes),
    method,
    referenceRange: result.text(7) === '' ? [] : [{ text: result.text(7) }],
  });
  return categorised(observation ?? {}, request);
}

/** The sender's section of service (OBR-24) decides; without one, what its code says; a result is else laboratory's. */
function categorised(tree: FhirTree, request: Segment): FhirTree {
  const section = request.text(24).toUpperCase();
  const isReport = tree.resourceType === 'DiagnosticReport';
  const service = codingSystem('HL70074') ?? '';
  if (section !== '') return { ...tree, category: [{ coding: [{ system: service, code: section }] }] };
  if (categoryOf(tree) !== 'findings') return tree;
  const coding = isReport ? { system: service, code: 'LAB' } : { system: OBSERVATION_CATEGORY, code: 'laboratory' };
  return { ...tree, category: [{ coding: [coding] }] };
}

function interpretationOf(code: string): FhirTree {
  const system = INTERPRETATIONS.has(code) ? INTERPRETATION : (codingSystem('HL70078') ?? '');
  return { coding: [{ system, code }] };
}

function annotationsOf(notes: readonly Segment[]): readonly FhirTree[] {
  const text = notes.flatMap((note) => note.repetitions(3).map((repetition) => componentOf(repetition, 1)));
  const whole = text.filter((line) => line !== '').join('\n');
  return whole === '' ? [] : [{ text: whole }];
}

type ReportFacts = {
  readonly names: Names;
  readonly about: FhirTree;
  readonly reading: Reading;
  readonly observations: readonly Draft[];
  readonly attached: readonly Segment[];
};

function reportOf(
  { request, notes }: OrderGroup,
  { names, about, reading, observations, attached }: ReportFacts,
): Draft {
  const location = (field: number): string => `OBR^${request.sequence}^${field}`;
  const code = conceptOf(request.repetitions(4)[0]);
  if (code === undefined) throw refuseMessage('101', 'a request has no code', { location: location(4) });
  const start = timeOf(request, 7, reading);
  const end = timeOf(request, 8, reading);
  const identity = names.key === undefined ? undefined : { system: reading.ownSystem('report'), value: names.key };
  const interpreter = displayOf(interpreterOf(request));
  const resource = element({
    resourceType: 'DiagnosticReport',
    identifier: present([...names.identifiers, identity]),
    status: coded(REPORT_STATUS, request.text(25), location(25)) ?? 'unknown',
    code,
    ...about,
    ...(end === undefined || start === undefined ? { effectiveDateTime: start } : { effectivePeriod: { start, end } }),
    issued: instantOf(request, 22, reading),
    resultsInterpreter: interpreter === undefined ? [] : [{ display: interpreter }],
    result: observations.map(({ fullUrl }) => ({ reference: fullUrl })),
    conclusion: annotationsOf(notes)[0]?.text,
    presentedForm: attached.map((segment) => attachmentOf(segment)),
  });
  return {
    type: 'DiagnosticReport',
    fullUrl: newUrl(),
    resource: categorised(resource ?? {}, request),
    identity: present([identity]),
    known: 'replace',
    ...NOTHING_SAID,
  };
}

/** OBR-32 (NDL): its first component is a name whose parts are subcomponents. */
function interpreterOf(request: Segment): FhirTree | undefined {
  const [repetition] = request.repetitions(32);
  const part = (at: number): string => componentOf(repetition, 1, at);
  return element({ family: part(2), given: [part(3)].filter((text) => text !== '') });
}

/** An instant has seconds and zone; a coarser time is none. */
function instantOf(segment: Segment, field: number, reading: Reading): string | undefined {
  const time = timeOf(segment, field, reading);
  return time?.includes('T') === true ? time : undefined;
}
