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

/** What an organisation can be in a visit: by the roles of those who work there. */
export type Offer = 'visit' | 'laboratory' | 'pharmacy';

const OFFERS: readonly { readonly offer: Offer; readonly roles: readonly string[] }[] = [
  { offer: 'visit', roles: ['registrar', CLINICIAN] },
  { offer: 'laboratory', roles: ['laboratory'] },
  { offer: 'pharmacy', roles: ['pharmacist'] },
];

/** An organisation offers what it has enrolled people for, all of the roles that it takes. */
export async function listOffers(organisation: HostedOrganisation, nowMs: number): Promise<readonly Offer[]> {
  const roles = new Set((await listWorking(organisation, nowMs)).flatMap((person) => person.roles));
  return OFFERS.filter((known) => known.roles.every((role) => roles.has(role))).map(({ offer }) => offer);
}

/** Enrolled clinicians who are linked to a Practitioner of the directory. */
export async function listClinicians(
  organisation: HostedOrganisation,
  who: Who & { readonly kind: 'member' },
  nowMs: number,
): Promise<readonly Clinician[]> {
  const { vault } = organisation;
  const found: Clinician[] = [];
  for (const { id, roles } of await listWorking(organisation, nowMs)) {
    const [practitioner] = roles.includes(CLINICIAN) ? await vault.access.listPractitioners(id) : [];
    if (practitioner === undefined) continue;
    found.push({ practitioner, name: await nameOf(vault, { kind: 'member', who, purpose: 'TREAT' }, practitioner) });
  }
  return found.sort((a, b) => a.name.localeCompare(b.name, 'en'));
}

/** Whose account is open and who is enrolled now. */
async function listWorking(
  { slug, vault, accounts }: HostedOrganisation,
  nowMs: number,
): Promise<readonly { readonly id: string; readonly roles: readonly string[] }[]> {
  const open = (await accounts.list()).filter(({ disabledMs }) => disabledMs === null);
  const live = await Promise.all(
    open.map(async ({ id }) => {
      const identity = await findLiveIdentity(vault.ledger, { id, organisation: slug, nowMs });
      return identity === undefined ? [] : [{ id, roles: identity.roles }];
    }),
  );
  return live.flat();
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
