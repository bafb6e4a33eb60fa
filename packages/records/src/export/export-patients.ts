import { PATIENTS_PAGE_MAX, type Patients } from '../patients.ts';
import type { Sight } from '../sight.ts';
import type { ExportProgress, ExportQuestion } from './export-job.ts';

/**
 * Of whom an export may hold anything, in an order that stays from one start of the node to the next; `name` is what
 * `ExportProgress.after` says of a patient.
 */
export async function* patientsOf(
  { patients }: { readonly patients: Patients },
  {
    sight,
    question,
    progress,
  }: { readonly sight: Sight; readonly question: ExportQuestion; readonly progress: ExportProgress | null },
): AsyncGenerator<{ readonly name: string; readonly pid: string }> {
  const owners = await sight.owners();
  const isPossible = (pid: string): boolean => owners === 'all' || owners.has(`pid:${pid}`);
  if (question.patients !== null) {
    const done = progress === null ? 0 : question.patients.indexOf(progress.after) + 1;
    for (const fhirId of question.patients.slice(done)) {
      const known = await patients.findByFhirId(fhirId);
      if (known !== undefined && isPossible(known.pid)) yield { name: fhirId, pid: known.pid };
    }
    return;
  }
  for (let after = progress?.after; ; ) {
    const page = await patients.list({ limit: PATIENTS_PAGE_MAX, ...(after === undefined ? {} : { after }) });
    for (const { pid } of page) if (isPossible(pid)) yield { name: pid, pid };
    if (page.length < PATIENTS_PAGE_MAX) return;
    after = page.at(-1)?.pid;
  }
}
