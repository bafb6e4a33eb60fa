import type { InteractionResults } from 'oidc-provider';
import { ServerError } from '../server-error.ts';
import type { ApprovedState } from './approvals.ts';
import type { Interaction } from './interactions.ts';
import type { LaunchContext } from './launch-context.ts';
import { demandSeen } from './launches.ts';
import { GRANT_SECONDS_MAX } from './provider.ts';
import type { ResourceScope } from './scopes.ts';
import type { VerifiedStaff } from './staff-login.ts';

/** Lets a patient's app in: what it may do ends with the patient's grant, and is reading. */
export async function admitPatientApp(
  interaction: Interaction,
  { pid, grant }: ApprovedState,
): Promise<InteractionResults> {
  const { server, client, scopes } = interaction;
  const { vault } = server.organisation;
  const known = await vault.patients.findByPid(pid);
  const opened = await vault.grants.find(pid, grant);
  if (known === undefined || opened === undefined) throw new ServerError('not-found', 'The patient is not known here.');
  const context: LaunchContext = {
    kind: 'patient',
    ...{ pid, grant },
    patient: `Patient/${known.fhirId}`,
    purpose: client.purpose,
  };
  const resources = scopes.resources.map(readingOnly).filter((text) => text !== undefined);
  return admit(interaction, {
    accountId: known.fhirId,
    context,
    scopes: [...scopes.words, ...resources],
    notAfterMs: opened.terms.notAfterMs,
  });
}

/** Lets a clinician's app in, with the patient of the EHR's launch in context, or one whom the person names. */
export async function admitStaffApp(
  interaction: Interaction,
  person: VerifiedStaff,
  namedPatient: string | undefined,
): Promise<InteractionResults> {
  const { server, client, scopes, launch: launchId } = interaction;
  const { vault } = server.organisation;
  const by = { person: person.id, client: client.id };
  const launch = launchId === null ? undefined : await server.launches.take(launchId, by);
  if (launchId !== null && launch === undefined) {
    throw new ServerError('not-found', 'The launch is over, or was begun by somebody else or for another app.');
  }
  const named = scopes.words.has('launch/patient') && namedPatient !== '' ? namedPatient : undefined;
  const patient = launch?.patient ?? named ?? null;
  const encounter = launch?.encounter ?? null;
  const pid = patient === null ? null : await demandSeen(vault, person, { patient, encounter });
  const [practitioner = null] = await vault.access.listPractitioners(person.id);
  const context: LaunchContext = {
    kind: 'staff',
    ...{ id: person.id, account: person.account, passwordMark: person.passwordMark },
    ...{ practitioner, pid, encounter },
    patient: patient === null ? null : `Patient/${patient}`,
    purpose: 'TREAT',
  };
  const granted = [...scopes.words, ...scopes.resources.map(({ text }) => text)];
  return admit(interaction, { accountId: person.id, context, scopes: granted, notAfterMs: Number.MAX_SAFE_INTEGER });
}

async function admit(
  { server, client, narrow }: Interaction,
  {
    accountId,
    context,
    scopes,
    notAfterMs,
  }: {
    readonly accountId: string;
    readonly context: LaunchContext;
    readonly scopes: readonly string[];
    readonly notAfterMs: number;
  },
): Promise<InteractionResults> {
  const { provider, contexts, admissions, audience, organisation } = server;
  const left = Math.floor((notAfterMs - organisation.vault.clock()) / 1000);
  const expiresIn = Math.max(1, Math.min(GRANT_SECONDS_MAX, left));
  const grant = Object.assign(new provider.Grant({ accountId, clientId: client.id }), { expiresIn });
  const scope = scopes.join(' ');
  await narrow(scope);
  grant.addOIDCScope(scope);
  grant.addResourceScope(audience, scope);
  const grantId = await grant.save();
  const expiresMs = organisation.vault.clock() + expiresIn * 1000;
  await contexts.put(grantId, context, expiresMs);
  if (context.kind === 'patient') await admissions.put(context, { grantId, scopes, expiresMs });
  return { login: { accountId, remember: false }, consent: { grantId } };
}

/**
 * A patient's app reads as grantee: what is granted to it says so, rather than that every write fails. A Subscription is no
 * record, and the app's own: whoever names that type may make some.
 */
function readingOnly({ text, context, type, interactions }: ResourceScope): string | undefined {
  if (type === 'Subscription') return text;
  if (![...interactions].some((letter) => letter !== 'r' && letter !== 's')) return text;
  const letters = ['r', 's'].filter((letter) => interactions.has(letter as 'r')).join('');
  const query = text.includes('?') ? text.slice(text.indexOf('?')) : '';
  return letters === '' ? undefined : `${context}/${type}.${letters}${query}`;
}
