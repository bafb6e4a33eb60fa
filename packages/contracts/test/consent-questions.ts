import type { Json } from '../src/json.ts';
import { type Party, type Said, same, wordOf } from './consent-moves.ts';

/** May this reader use a grant with that grantee? */
export function isHolder(grantee: Said, reader: Party): boolean {
  const staff = reader.kind === 'staff';
  const ways: { readonly [kind: string]: boolean } = {
    organisation: staff || reader.kind === 'client',
    role: staff && reader.roles.includes(wordOf(grantee.role)),
    person: staff && reader.id === grantee.id,
    client: reader.kind === 'client' && reader.id === grantee.id,
    study: staff && reader.roles.includes(`study-${wordOf(grantee.study)}`),
  };
  return grantee.organisation === reader.organisation && ways[wordOf(grantee.kind)] === true;
}

/** A delegated part: its own id, under its parent, with less depth, and nothing more allowed. */
export function isPart(child: Said, parent: Said): boolean {
  return (
    child.parent === parent.grant &&
    child.grant !== parent.grant &&
    Number(child.delegationDepth) < Number(parent.delegationDepth) &&
    allowsNoMore(child, parent)
  );
}

/** Terms of one grant whose every conceivable holder was a holder before. */
export function isSameGrant(next: Said, previous: Said): boolean {
  if (next.grant !== previous.grant || next.parent !== previous.parent) return false;
  const [to, from] = [next.grantee as Said, previous.grantee as Said];
  if (to.kind === 'card' || from.kind === 'card') return same(to, from);
  return conceivableReaders([to, from]).every((reader) => !isHolder(to, reader) || isHolder(from, reader));
}

/** Everyone that the two grantees could distinguish: with and without each role, of each kind, named or not. */
function conceivableReaders(grantees: readonly Said[]): Party[] {
  const told = (field: string): string[] => ['nobody', ...grantees.map((grantee) => wordOf(grantee[field]))];
  const roles = [...told('role'), ...told('study').map((study) => `study-${study}`)];
  return told('organisation').flatMap((organisation) =>
    told('id').flatMap((id) =>
      ['staff', 'client', 'node', 'device'].flatMap((kind) =>
        [[], ...roles.map((role) => [role]), roles].map((some) => ({ id, organisation, kind, roles: some })),
      ),
    ),
  );
}

/** Puts every question that could tell the two apart to both: what the child allows, the parent must. */
export function allowsNoMore(child: Said, parent: Said): boolean {
  if (!same([child.network, child.pid, child.kind], [parent.network, parent.pid, parent.kind])) return false;
  return questions(child, parent).every((question) => !question(child) || question(parent));
}

type Question = (terms: Said) => boolean;

function questions(...both: readonly Said[]): Question[] {
  const words = (field: string): Json[] => both.flatMap((terms) => (terms[field] ?? []) as readonly Json[]);
  const near = (...fields: readonly string[]): number[] =>
    both.flatMap((terms) => fields.flatMap((field) => [-1, 0, 1].map((step) => Number(terms[field] ?? 0) + step)));
  const listed = (field: string): Question[] =>
    ['something else', ...words(field)].map((word) => (terms) => {
      const list = terms[field] as readonly Json[] | null;
      return list === null || list === undefined || list.includes(word);
    });
  return [
    ...['categories', 'labelClasses', 'resourceTypes', 'records', 'purposes'].flatMap(listed),
    ...words('exceptActors').map(
      (actor): Question =>
        (terms) =>
          !(terms.exceptActors as readonly Json[]).includes(actor),
    ),
    ...[...near('dataFromMs', 'dataToMs'), -1e15, 1e15].map(
      (ms): Question =>
        (terms) =>
          (terms.dataFromMs === null || ms >= Number(terms.dataFromMs)) &&
          (terms.dataToMs === null || ms <= Number(terms.dataToMs)),
    ),
    ...near('notBeforeMs', 'notAfterMs').map(
      (ms): Question =>
        (terms) =>
          ms >= Number(terms.notBeforeMs) && ms <= Number(terms.notAfterMs),
    ),
    ...[...near('maxUses'), 1e9].map(
      (nth): Question =>
        (terms) =>
          terms.maxUses === null || nth <= Number(terms.maxUses),
    ),
    ...near('delegationDepth').map(
      (depth): Question =>
        (terms) =>
          depth <= Number(terms.delegationDepth),
    ),
    (terms) => terms.mayKeep === true,
  ];
}
