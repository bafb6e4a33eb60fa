import { existsSync, rmSync } from 'node:fs';
import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import { type BundleWorkers, openVault, removeStoreOf } from '@salus/records';
import { writePrivateFile } from '@salus/wallet/node';
import { createAccount } from '../accounts.ts';
import { saveAdministrators } from '../administrators.ts';
import type { DataLayout } from '../data-directory.ts';
import { CONSORTIUM } from '../demonstration/consortium.ts';
import {
  demonstrationDirectory,
  findEarlierDemonstration,
  setAside,
  writeCredentials,
} from '../demonstration/credentials.ts';
import { saveDemonstrationStaff } from '../demonstration/demonstration.ts';
import {
  administratorOf,
  applicantOf,
  enrolmentOf,
  type FoundedOrganisation,
  type OrganisationPlan,
  prepareOrganisation,
  signApplication,
} from '../founding.ts';
import type { NodeLedger } from '../node-ledger.ts';
import { accountsOf, keepKeys } from '../organisation.ts';
import type { Settings } from '../settings.ts';
import type { StaffCredential } from '../staff-credentials.ts';
import { findPostgres, type StorageSettings, storageOf } from '../storage.ts';
import { type Joining, writeJoining } from './joining-file.ts';
import { PRESIGNED_MS, presign } from './presigned.ts';

export interface JoiningPlace {
  readonly settings: Pick<Settings, 'configDirectory' | 'demonstration'> & StorageSettings;
  readonly layout: DataLayout;
  readonly ledger: NodeLedger;
  readonly masterKey: Uint8Array;
  readonly workers: BundleWorkers;
  readonly nowMs: () => number;
}

/**
 * Draws the keys of an organisation that is to be on this network: into its vault, sealed; its people's into wallets.
 * Everything that its administrator has to sign is signed now, so that the key need not stay here. `joining.json` comes
 * last: before it, a start begins anew.
 */
export async function prepareJoining(
  place: JoiningPlace,
  { slug, founder }: { readonly slug: string; readonly founder: boolean },
): Promise<Joining> {
  const { layout, ledger, nowMs } = place;
  const { network } = ledger;
  // What an interrupted attempt left was never shown to anybody.
  if (existsSync(layout.foundingFile)) {
    await removeStoreOf(layout.organisation(slug), findPostgres(place.settings, slug));
    rmSync(layout.organisation(slug), { recursive: true, force: true });
  }
  writePrivateFile(layout.foundingFile, `${JSON.stringify({ network })}\n`);
  const { plan, demonstration } = planOf(slug, place.settings);
  const organisation = await prepareOrganisation(plan, nowMs());
  const credentials = demonstration
    ? await saveDemonstrators(organisation, network, place.settings)
    : await saveAdministrators(organisation.members, { network, configDirectory: place.settings.configDirectory });
  await fillVault(place, organisation, credentials);
  const administrator = administratorOf(organisation);
  const sign = (transaction: string, args: ReturnType<typeof enrolmentOf>) =>
    presign(administrator, { network, transaction, args, nowMs: nowMs() });
  const joining: Joining = {
    ...{ network, organisation: slug, node: organisation.node.id, demonstration },
    authority: organisation.authority.certificate,
    founding: founder ? await sign('found', applicantOf(organisation)) : [],
    enrolment: await sign('enrol', enrolmentOf(organisation)),
    application: founder ? null : signApplication(organisation, { network, notAfterMs: nowMs() + PRESIGNED_MS }),
  };
  writeJoining(layout, joining);
  return joining;
}

/** The demonstration's people where it has an organisation of this name, else one administrator. */
function planOf(
  slug: string,
  { demonstration }: Pick<Settings, 'demonstration'>,
): { readonly plan: OrganisationPlan; readonly demonstration: boolean } {
  const known = demonstration ? CONSORTIUM.find((organisation) => organisation.slug === slug) : undefined;
  if (known !== undefined) return { plan: { slug, members: known.staff }, demonstration: true };
  const members = [{ account: `${slug}.admin`, roles: [ADMINISTRATOR_ROLE, 'privacy-officer'] }];
  return { plan: { slug, members }, demonstration: false };
}

async function saveDemonstrators(
  { members }: FoundedOrganisation,
  network: string,
  { configDirectory }: Pick<Settings, 'configDirectory'>,
): Promise<readonly StaffCredential[]> {
  setAside(configDirectory, findEarlierDemonstration(configDirectory));
  const staff = await saveDemonstrationStaff(members, { network, directory: demonstrationDirectory(configDirectory) });
  writeCredentials(configDirectory, { demonstration: true, network, staff, patients: [] });
  return staff;
}

async function fillVault(
  { settings, layout, ledger, masterKey, workers, nowMs }: JoiningPlace,
  organisation: FoundedOrganisation,
  credentials: readonly StaffCredential[],
): Promise<void> {
  const { slug } = organisation;
  const storage = storageOf(settings, slug);
  const place = { ...storage, directory: layout.organisation(slug), organisation: slug, masterKey };
  await using vault = await openVault({ ...place, ledger, clock: nowMs, workers });
  await keepKeys(vault, organisation);
  for (const { account: name, id, password } of credentials) {
    await createAccount(accountsOf(vault), { name, id, password, nowMs: nowMs() });
  }
}
