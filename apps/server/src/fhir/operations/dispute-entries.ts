import { type FhirTree, stringifyFhirJson } from '@salus/fhir';
import type { KnownDispute, OrganisationExchange, StoredRecord, Vault } from '@salus/records';
import type { PatientDoor } from './patient-door.ts';

const SYSTEM = 'urn:salus:communication';

/**
 * What the patient states about records that are shown, as Communication resources (FHIR R4 §12.8): made when asked for,
 * stored nowhere, and left out with the record that they are about. A withdrawn statement goes no further.
 */
export async function disputeEntries(
  { organisation, patient }: PatientDoor,
  shown: readonly StoredRecord[],
): Promise<readonly FhirTree[]> {
  const ids = new Set(shown.map(({ recordId }) => recordId));
  const known = await organisation.exchange.disputes.listOfPid(patient.pid);
  return known
    .filter(({ recordId, status }) => ids.has(recordId) && status !== 'withdrawn')
    .map((dispute) => ({
      // No address of this base: it is no resource that can be read by itself.
      fullUrl: `urn:salus:dispute:${dispute.dispute}`,
      resource: communicationOf(dispute, `Patient/${patient.fhirId}`),
      search: { mode: 'include' },
    }));
}

/** The same as texts, for bulk exports. */
export async function statementsOf(
  { patients }: Pick<Vault, 'patients'>,
  disputes: OrganisationExchange['disputes'],
  pid: string,
): Promise<readonly { readonly recordId: string; readonly text: string }[]> {
  const known = (await disputes.listOfPid(pid)).filter(({ status }) => status !== 'withdrawn');
  const patient = known.length === 0 ? undefined : await patients.findByPid(pid);
  if (patient === undefined) return [];
  return known.map((dispute) => ({
    recordId: dispute.recordId,
    text: stringifyFhirJson(communicationOf(dispute, `Patient/${patient.fhirId}`)),
  }));
}

function communicationOf(
  { dispute, reference, statement, atMs, answer, answeredMs }: KnownDispute,
  patient: string,
): FhirTree {
  const note =
    answer === null
      ? {}
      : { note: [{ ...(answeredMs === null ? {} : { time: isoOf(answeredMs) }), text: answer.answer.text }] };
  return {
    resourceType: 'Communication',
    // A FHIR id knows no underscore (R4 §2.24.0.1).
    id: dispute.replaceAll('_', '.'),
    status: 'completed',
    category: [{ coding: [{ system: SYSTEM, code: 'dispute', display: 'Statement of disagreement' }] }],
    subject: { reference: patient },
    about: [{ reference }],
    sent: isoOf(atMs),
    sender: { reference: patient },
    payload: [{ contentString: statement.text }],
    ...note,
  };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
