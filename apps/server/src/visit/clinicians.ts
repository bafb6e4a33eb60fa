import { isList, isTree, parseFhirJson, stringOf } from '@salus/fhir/parse';
import type { VaultCaller, Who } from '@salus/records';
import { findLiveIdentity } from '../identities.ts';
import type { HostedOrganisation } from '../organisation.ts';

const CLINICIAN = 'clinician';

export interface Clinician {
  /** `Practitioner/<id>` */
  readonly practitioner: string;
  readonly name: string;
}

/** Enrolled clinicians who are linked to a Practitioner of the directory. */
export async function listClinicians(
  { slug, vault, accounts }: HostedOrganisation,
  who: Who & { readonly kind: 'member' },
  nowMs: number,
): Promise<readonly Clinician[]> {
  const known = await accounts.list();
  const found: Clinician[] = [];
  for (const { id, disabledMs } of known) {
    if (disabledMs !== null) continue;
    const identity = await findLiveIdentity(vault.ledger, { id, organisation: slug, nowMs });
    if (identity?.roles.includes(CLINICIAN) !== true) continue;
    const [practitioner] = await vault.access.listPractitioners(id);
    if (practitioner === undefined) continue;
    found.push({ practitioner, name: await nameOf(vault, { kind: 'member', who, purpose: 'TREAT' }, practitioner) });
  }
  return found.sort((a, b) => a.name.localeCompare(b.name, 'en'));
}

async function nameOf(
  { repository }: HostedOrganisation['vault'],
  caller: VaultCaller,
  practitioner: string,
): Promise<string> {
  const [, id = ''] = practitioner.split('/');
  const read = await repository.read(caller, 'Practitioner', id);
  if (read.kind !== 'found') return practitioner;
  const { name } = parseFhirJson(read.text);
  const [first] = isList(name) ? name : [];
  if (!isTree(first)) return practitioner;
  const given = isList(first.given) ? first.given.map((part) => stringOf(part) ?? '') : [];
  return [...given, stringOf(first.family) ?? ''].join(' ').trim();
}
