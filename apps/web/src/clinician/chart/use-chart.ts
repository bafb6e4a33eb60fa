import type { NodeSession } from '@salus/client';
import { parseFhirJson } from '@salus/fhir/parse';
import { useQuery } from '@tanstack/react-query';
import { useStaff } from '../../session/index.ts';
import { readResource } from '../clinic-api.ts';
import { type ChartEntry, parseChartPage } from './chart-entry.ts';

/** What a chart shows; the rest of a compartment (claims, provenance …) is no part of a clinician's day. */
const TYPES = [
  ...[
    'AllergyIntolerance',
    'Appointment',
    'CarePlan',
    'Condition',
    'DiagnosticReport',
    'DocumentReference',
    'Encounter',
  ],
  ...['ImagingStudy', 'Immunization', 'MedicationAdministration', 'MedicationDispense', 'MedicationRequest'],
  ...['MedicationStatement', 'Observation', 'Procedure', 'QuestionnaireResponse', 'ServiceRequest'],
];
const PAGE = 500;
/** 5,000 resources; a chart that has more says that it shows a part. */
const PAGES_MAX = 10;

export interface Chart {
  readonly entries: readonly ChartEntry[];
  /** Not everything is there: too much, or somebody who was asked did not answer. */
  readonly isPart: boolean;
}

/** All that the person may see of a patient now: the own organisation's, and what is open elsewhere. */
export function useChart(fhirId: string) {
  const staff = useStaff();
  return useQuery({
    queryKey: chartKey(staff.id, fhirId),
    queryFn: () => readChart(staff.session, fhirId),
  });
}

/** Read anew when a record was written, a grant came, and at once when one was taken back. */
export function chartKey(staffId: string, fhirId: string): readonly string[] {
  return ['chart', staffId, fhirId];
}

/** Who the patient is, for the confirmation and above each page. Each reading stands in the patient's log. */
export function usePerson(fhirId: string, { enabled = true }: { readonly enabled?: boolean } = {}) {
  const staff = useStaff();
  return useQuery({
    queryKey: ['record', 'person', staff.id, fhirId],
    queryFn: () => readResource(staff.session, `Patient/${fhirId}`),
    enabled,
  });
}

async function readChart({ api, organisation, token }: NodeSession, fhirId: string): Promise<Chart> {
  const entries: ChartEntry[] = [];
  let path = `/${organisation}/fhir/R4/Patient/${fhirId}/*`;
  let query: Readonly<Record<string, string | number>> = { _type: TYPES.join(','), _count: PAGE };
  let isPart = false;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const bundle = parseFhirJson(await api.sendText({ method: 'GET', path, query, token }));
    const found = parseChartPage(bundle, organisation);
    entries.push(...found.entries);
    isPart ||= found.isPart;
    if (found.next === undefined) return { entries, isPart };
    path = found.next.pathname;
    query = Object.fromEntries(found.next.searchParams);
  }
  return { entries, isPart: true };
}
