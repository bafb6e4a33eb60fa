import { fromUtf8 } from '@salus/crypto';
import { type FhirTree, type FhirValue, isTree, parseFhirJson, stringifyFhirJson } from '@salus/fhir';
import type { MoveParts } from './move.ts';
import { RecordsError } from './records-error.ts';
import type { VaultRepository, WritingCaller } from './repository.ts';

type Parts = Pick<MoveParts, 'rows' | 'ciphertext'> & { readonly repository: VaultRepository };

/** Two Patients of this organisation, one of whom goes on. */
interface Linked {
  readonly fhirId: string;
  readonly survivorFhirId: string;
  /** What the merged Patient said of itself before; absent: nothing. */
  readonly active?: boolean;
}

/** FHIR R4 Patient.link, both ways: for people and systems at home; no pid stands in it. Throws `conflict`. */
export async function linkPatients(
  parts: Parts,
  caller: WritingCaller,
  { fhirId, survivorFhirId }: Linked,
): Promise<void> {
  const withLink = (tree: FhirTree, to: string, type: 'replaces' | 'replaced-by'): FhirTree => {
    const others = linksOf(tree).filter((link) => !leadsTo(link, to));
    return { ...tree, link: [...others, { other: { reference: `Patient/${to}` }, type }] };
  };
  await change(parts, caller, fhirId, (tree) => ({
    ...withLink(tree, survivorFhirId, 'replaced-by'),
    active: false,
  }));
  await change(parts, caller, survivorFhirId, (tree) => withLink(tree, fhirId, 'replaces'));
}

/** Takes both links out, where they are; the merged Patient says of itself again what it did. Throws `conflict`. */
export async function unlinkPatients(
  parts: Parts,
  caller: WritingCaller,
  { fhirId, survivorFhirId, active }: Linked,
): Promise<void> {
  await change(parts, caller, fhirId, (tree) => {
    if (!hasLink(tree, survivorFhirId)) return tree;
    const { active: _closed, ...rest } = withoutLink(tree, survivorFhirId);
    return active === undefined ? rest : { ...rest, active };
  });
  await change(parts, caller, survivorFhirId, (tree) => (hasLink(tree, fhirId) ? withoutLink(tree, fhirId) : tree));
}

export async function findActive(parts: Parts, fhirId: string): Promise<boolean | undefined> {
  const active = (await findTree(parts, fhirId))?.tree.active;
  return typeof active === 'boolean' ? active : undefined;
}

async function change(
  parts: Parts,
  caller: WritingCaller,
  fhirId: string,
  changeTree: (tree: FhirTree) => FhirTree,
): Promise<void> {
  const found = await findTree(parts, fhirId);
  if (found === undefined) return;
  const changed = changeTree(found.tree);
  if (changed === found.tree) return;
  const resource = { type: 'Patient', id: fhirId } as const;
  const written = { bytes: Buffer.from(stringifyFhirJson(changed)), format: 'json' } as const;
  const result = await parts.repository.update(caller, resource, written, { ifMatch: String(found.version) });
  if (result.kind === 'refused') throw new RecordsError('conflict', `a Patient was not changed: ${result.code}`);
}

async function findTree(
  { rows, ciphertext }: Parts,
  fhirId: string,
): Promise<{ readonly tree: FhirTree; readonly version: number } | undefined> {
  const record = await rows.findResource('Patient', fhirId);
  if (record?.status !== 'current') return undefined;
  return { tree: parseFhirJson(fromUtf8(await ciphertext.readPlaintext(record))), version: record.version };
}

function linksOf(tree: FhirTree): readonly FhirValue[] {
  return Array.isArray(tree.link) ? (tree.link as readonly FhirValue[]) : [];
}

function leadsTo(link: FhirValue, to: string): boolean {
  return isTree(link) && isTree(link.other) && link.other.reference === `Patient/${to}`;
}

function hasLink(tree: FhirTree, to: string): boolean {
  return linksOf(tree).some((link) => leadsTo(link, to));
}

function withoutLink(tree: FhirTree, to: string): FhirTree {
  const others = linksOf(tree).filter((link) => !leadsTo(link, to));
  const { link: _link, ...rest } = tree;
  return { ...rest, ...(others.length === 0 ? {} : { link: others }) };
}
