import { assignAll } from '../assign-patients.ts';
import type { TransactionAnswer } from '../http-write.ts';
import { type NodeProcess, type StaffSession, sendJson } from '../node-process.ts';
import { syntheaCopies } from './synthea-copies.ts';

/** Bundles under way at once. */
const AT_ONCE = 4;

/** Codes of one patient's observations that have about a page of hits together. */
export interface SearchTarget {
  readonly patient: string;
  readonly codes: readonly string[];
}

export interface Filled {
  readonly resources: number;
  readonly seconds: number;
  readonly nodeCpuMs: number;
  /** `Type/id` of everything that was written. */
  readonly locations: readonly string[];
  readonly targets: readonly SearchTarget[];
}

const HITS_WANTED = 12;

interface BundleShape {
  readonly entry: readonly {
    readonly resource: {
      readonly resourceType: string;
      readonly code?: { readonly coding?: readonly { readonly code?: string }[] };
    };
  }[];
}

/** POSTs copies of the Synthea bundles as transactions, each an all-or-nothing write, validated and indexed. */
export async function fill(
  node: NodeProcess,
  author: StaffSession,
  { resources, firstCopy = 1 }: { readonly resources: number; readonly firstCopy?: number },
): Promise<Filled> {
  const path = `/${author.organisation}/fhir/R4`;
  const copies = syntheaCopies(resources, firstCopy);
  const locations: string[] = [];
  const targets: SearchTarget[] = [];
  let written = 0;
  let sendingMs = 0;
  const cpuBeforeMs = await node.cpuMs();
  const startMs = performance.now();
  const work = async (): Promise<void> => {
    for (let next = copies.next(); next.done !== true; next = copies.next()) {
      const { body, resources: count } = next.value;
      const { entry } = await sendJson<TransactionAnswer>(node.send, {
        method: 'POST',
        path,
        token: author.token,
        body,
        type: 'application/fhir+json',
      });
      const bundle = JSON.parse(body.toString()) as BundleShape;
      const created = entry.map(
        ({ response }) => response.location?.split('/_history')[0]?.split('/').slice(-2).join('/') ?? '',
      );
      locations.push(...created);
      const patient = created.find((location) => location.startsWith('Patient/'));
      if (patient !== undefined) targets.push(...targetsOf(patient, bundle));
      written += count;
      process.stderr.write(`\r${written} of ${resources} resources `);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  sendingMs = performance.now() - startMs;
  process.stderr.write('\n');
  const nodeCpuMs = ((await node.cpuMs()) - cpuBeforeMs) / written;
  await assignAll(node, author, locations);
  return { resources: written, seconds: sendingMs / 1_000, nodeCpuMs, locations, targets };
}

function targetsOf(patient: string, { entry }: BundleShape): readonly SearchTarget[] {
  const counts = new Map<string, number>();
  for (const { resource } of entry) {
    const code = resource.resourceType === 'Observation' ? resource.code?.coding?.[0]?.code : undefined;
    if (code !== undefined) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  const targets: SearchTarget[] = [];
  let codes: string[] = [];
  let hits = 0;
  for (const [code, count] of counts) {
    codes.push(code);
    hits += count;
    if (hits < HITS_WANTED) continue;
    targets.push({ patient, codes });
    codes = [];
    hits = 0;
  }
  return targets;
}
