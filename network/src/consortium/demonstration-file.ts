import { fileURLToPath } from 'node:url';

/** The consortium.yaml of the demonstration: four organisations on one machine. */
export const demonstrationFile = fileURLToPath(new URL('../../demonstration.yaml', import.meta.url));
