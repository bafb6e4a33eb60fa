import { demandUnique, parseCode, parseFields, parseId, parseList, parseTimeMs } from '../args.ts';
import type { Context } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import { type RevokedFact, revokedKey } from '../members.ts';
import { ADMINISTRATOR_ROLE } from '../roles.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { type Enrolment, parseEnrolment, readIdentity } from './certificate.ts';
import { type IdentityFact, identityKey } from './identity.ts';
import { administratorOf } from './proposal.ts';

export const ENROL_MAX = 50;
/** Unexpired revocations of one organisation: every call reads the list. A full one calls for a new authority. */
export const REVOKED_MAX = 5000;

const ADMINISTRATOR = { signers: ['id'], memberKinds: ['staff'], roles: ['administrator'] } as const;

export const enrol = defineTransaction<readonly Enrolment[]>({
  contract: 'membership',
  name: 'enrol',
  summary: 'Enrols staff, clients, devices and nodes by their certificates, at most 50 at once, all or none.',
  ...ADMINISTRATOR,
  checks: [
    "Each certificate is valid now, leads to a live authority of the administrator's own organisation and names that organisation.",
    'No identity of any organisation has the id, and the id was not revoked.',
  ],
  writes: ['membership/identity/<id>'],
  errors: ['certificate-invalid', 'organisation-mismatch', 'identity-exists', 'identity-revoked', 'args-invalid'],
  parse: (args) => {
    const { certificates } = parseFields(args, 'args', ['certificates']);
    return parseList(certificates, 'certificates', { min: 1, max: ENROL_MAX }, parseEnrolment);
  },
  run: async (context, enrolments) => {
    const { organisation } = administratorOf(context);
    const identities: IdentityFact[] = [];
    // One after the other: of several faults the first in the list decides the code, on every engine.
    for (const enrolment of enrolments) identities.push(await readOwnIdentity(context, enrolment));
    demandUnique(identities, 'certificates', ({ id }) => id);
    for (const identity of identities) {
      demand((await context.get(identityKey(identity.id))) === undefined, 'identity-exists');
      demand(!context.members.isRevoked(organisation, identity.id), 'identity-revoked');
      context.put(identityKey(identity.id), identity);
    }
    return { identities: identities.map(({ id }) => id) };
  },
});

export const renew = defineTransaction<Enrolment>({
  contract: 'membership',
  name: 'renew',
  summary:
    'Replaces an identity’s certificate before it ends. The old certificate stays valid where chains are shown, so a renewal takes nothing away: to take a role or a compromised key away, revoke the id and enrol a new one.',
  signers: ['id'],
  memberKinds: ['staff', 'client', 'device', 'node'],
  checks: [
    'The caller is the identity itself or an administrator of its organisation.',
    'The new certificate is valid now, of the same organisation, id and kind, has all roles of the old one and ends no earlier.',
    'The identity is not revoked.',
  ],
  writes: ['membership/identity/<id>'],
  errors: [
    'certificate-invalid',
    'organisation-mismatch',
    'identity-unknown',
    'identity-foreign',
    'identity-revoked',
    'identity-mismatch',
    'roles-reduced',
    'renewal-shortens',
    'administrator-required',
    'args-invalid',
  ],
  parse: (args) => {
    const { certificate } = parseFields(args, 'args', ['certificate']);
    return parseEnrolment(certificate, 'certificate');
  },
  run: async (context, enrolment) => {
    const caller = administratorOf(context);
    const renewed = await readOwnIdentity(context, enrolment);
    const { id } = renewed;
    const allowed = caller.id === id || (caller.memberKind === 'staff' && caller.roles.includes(ADMINISTRATOR_ROLE));
    demand(allowed, 'administrator-required');
    const identity = await context.get<IdentityFact>(identityKey(id));
    if (identity === undefined) throw new ContractError('identity-unknown');
    demand(identity.organisation === caller.organisation, 'identity-foreign');
    demand(identity.status === 'active' && !context.members.isRevoked(caller.organisation, id), 'identity-revoked');
    demand(identity.kind === renewed.kind, 'identity-mismatch');
    demand(
      identity.roles.every((role) => renewed.roles.includes(role)),
      'roles-reduced',
    );
    demand(renewed.notAfterMs >= identity.notAfterMs, 'renewal-shortens');
    const hpke = renewed.hpke ?? identity.hpke;
    context.put(identityKey(id), { ...renewed, hpke });
    return { id, notAfterMs: renewed.notAfterMs };
  },
});

type Revocation = { readonly id: string; readonly reason: string; readonly certificateNotAfterMs: number | undefined };

export const revoke = defineTransaction<Revocation>({
  contract: 'membership',
  name: 'revoke',
  summary:
    'Revokes an identity of the caller’s organisation for ever, enrolled or not. An administrator cannot revoke themselves, so the last one of an organisation stays.',
  ...ADMINISTRATOR,
  checks: [
    'The identity is of the caller’s organisation, not the caller, and not revoked.',
    'For an id that was never enrolled, certificateNotAfterMs says when its last certificate ends; for an enrolled one it may extend that.',
  ],
  writes: [
    'membership/identity/<id> (of an enrolled one)',
    'membership/revoked/<organisation> (expired entries leave)',
  ],
  errors: [
    'self-revocation',
    'identity-unknown',
    'identity-foreign',
    'identity-revoked',
    'limit-exceeded',
    'args-invalid',
  ],
  parse: (args) => {
    const fields = parseFields(args, 'args', ['id', 'reason'], ['certificateNotAfterMs']);
    const { certificateNotAfterMs: untilMs } = fields;
    return {
      id: parseId(fields.id, 'id'),
      reason: parseCode(fields.reason, 'reason'),
      certificateNotAfterMs: untilMs === undefined ? undefined : parseTimeMs(untilMs, 'certificateNotAfterMs'),
    };
  },
  run: async (context, { id, reason, certificateNotAfterMs }) => {
    const caller = administratorOf(context);
    const { organisation } = caller;
    demand(id !== caller.id, 'self-revocation');
    demand(!context.members.isRevoked(organisation, id), 'identity-revoked');
    const identity = await context.get<IdentityFact>(identityKey(id));
    demand(identity === undefined || identity.organisation === organisation, 'identity-foreign');
    const ends = [identity?.notAfterMs, certificateNotAfterMs].filter((ms) => ms !== undefined);
    demand(ends.length > 0, 'identity-unknown');
    const untilMs = Math.max(...ends);
    const key = revokedKey(organisation);
    const list = (await context.get<RevokedFact>(key)) ?? [];
    const kept = list.filter(([, notAfterMs]) => notAfterMs >= context.timestampMs);
    demand(kept.length < REVOKED_MAX, 'limit-exceeded', 'revoked');
    const entry: RevokedFact[number] = [id, untilMs];
    context.put(
      key,
      [...kept, entry].sort(([left], [right]) => (left < right ? -1 : 1)),
    );
    if (identity !== undefined) {
      context.put(identityKey(id), { ...identity, status: 'revoked', sinceMs: context.timestampMs });
    }
    context.emit('membership.revoked', { organisation, id, reason });
    return { id };
  },
});

function readOwnIdentity(context: Context, enrolment: Enrolment): Promise<IdentityFact> {
  const { organisation } = administratorOf(context);
  const authorities = context.members.authorities(organisation, context.timestampMs);
  return readIdentity(context.pure, { enrolment, authorities, organisation, atMs: context.timestampMs });
}

export const identities: readonly AnyTransaction[] = [enrol, renew, revoke];
