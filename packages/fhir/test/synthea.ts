import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testData } from '@salus/testing';

export interface SyntheaBundle {
  readonly file: string;
  readonly bytes: Uint8Array;
  /** Entries, as the data's own manifest counts them. */
  readonly count: number;
}

/** The Synthea transaction bundles, or none where the shared data is absent. */
export function syntheaBundles(): readonly SyntheaBundle[] {
  const folder = testData('synthea');
  if (folder === undefined) return [];
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
    file: string;
    resources: number;
  }[];
  const counts = new Map(manifest.map(({ file, resources }) => [file, resources]));
  return readdirSync(folder)
    .filter((file) => file !== 'manifest.json')
    .map((file) => ({ file, bytes: readFileSync(join(folder, file)), count: counts.get(file) ?? 0 }));
}
