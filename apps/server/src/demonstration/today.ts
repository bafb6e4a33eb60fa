import type { Cast } from './cast.ts';
import type { PatientCredential } from './credentials.ts';
import { shuffled } from './shuffled.ts';
import type { Story } from './stories.ts';

const HOUR_MS = 3_600_000;
/** Whom the desk admits to whom today, by the stories that bring them. */
const ADMISSIONS = [
  { slug: 'hospital-a', desk: 'a.desk', clinician: 'a.rossi', titles: ['chest-pain', 'diabetic-year'], count: 4 },
  { slug: 'hospital-b', desk: 'b.desk', clinician: 'b.novak', titles: ['chest-pain', 'surgery'], count: 4 },
] as const;

interface Known {
  readonly story: Story;
  readonly at: PatientCredential['at'];
}

/** Today's visits: the desk admits some, expects the others, and so puts them into the clinician's care. */
export async function admitToday(cast: Cast, known: readonly Known[]): Promise<void> {
  for (const { slug, desk, clinician, titles, count } of ADMISSIONS) {
    const organisation = cast.node.organisations.get(slug);
    if (organisation === undefined) continue;
    const { vault } = organisation;
    const [practitioner] = await vault.access.listPractitioners(cast.staff(clinician).id);
    if (practitioner === undefined) throw new Error(`${clinician} is no practitioner of the demonstration`);
    const writer = await cast.writer(desk);
    // The first of each story is here now, the others come later: whoever is asked about can be treated at any hour.
    const chosen = titles.flatMap((title) =>
      patientsOf(known, title, slug)
        .slice(0, Math.ceil(count / titles.length))
        .map((fhirId, at) => ({ fhirId, hoursAhead: 2 * at - 1 })),
    );
    // Who they are elsewhere must not show in the order.
    for (const { fhirId, hoursAhead } of shuffled(chosen)) {
      const body = encounterOf({ fhirId, practitioner, nowMs: cast.node.nowMs(), hoursAhead });
      const result = await vault.repository.create(writer, 'Encounter', { bytes: body, format: 'json' });
      if (result.kind === 'refused') throw new Error(`an admission of the demonstration was refused: ${result.code}`);
    }
  }
}

function patientsOf(known: readonly Known[], title: Story['title'], slug: string): readonly string[] {
  return known
    .filter(({ story }) => story.title === title)
    .flatMap(({ at }) => at.filter(({ organisation }) => organisation === slug).map(({ fhirId }) => fhirId));
}

function encounterOf({
  fhirId,
  practitioner,
  nowMs,
  hoursAhead,
}: {
  readonly fhirId: string;
  readonly practitioner: string;
  readonly nowMs: number;
  readonly hoursAhead: number;
}): Uint8Array {
  const encounter = {
    resourceType: 'Encounter',
    status: hoursAhead <= 0 ? 'in-progress' : 'planned',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB', display: 'ambulatory' },
    subject: { reference: `Patient/${fhirId}` },
    participant: [{ individual: { reference: practitioner } }],
    period: { start: new Date(nowMs + hoursAhead * HOUR_MS).toISOString() },
    reasonCode: [{ text: 'Follow-up' }],
  };
  return new TextEncoder().encode(JSON.stringify(encounter));
}
