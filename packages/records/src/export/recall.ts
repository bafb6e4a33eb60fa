import type { Sight } from '../sight.ts';
import type { ExportJob, ExportQuestion } from './export-job.ts';
import type { TypeFilters } from './write-export.ts';

/** By what a job that was cut off goes on. */
export interface Recall {
  /** What who asked may see now; undefined: nothing any more. While it throws the job waits, and is asked for again. */
  sight(job: ExportJob): Promise<Sight | undefined>;
  filters(question: ExportQuestion): TypeFilters;
}
