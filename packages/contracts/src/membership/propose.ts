import {
  demandUnique,
  parseBoolean,
  parseCode,
  parseFields,
  parseHash,
  parseList,
  parseNullable,
  parseOrganisation,
  parseSignature,
  parseTimeMs,
} from '../args.ts';
import { demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { authorityOf, type Enrolment, parseAuthority, parseEnrolment, readAdministrator } from './certificate.ts';
import { identityKey } from './identity.ts';
import { APPLICANT_FIELDS, type Applicant, parseApplicant, verifyApplicant } from './organisation.ts';
import { AUTHORITIES_MAX, propose, readActiveRoots, vote } from './proposal.ts';
import { proposeMove } from './propose-move.ts';

const ADMINISTRATOR = { signers: ['id'], memberKinds: ['staff'], roles: ['administrator'] } as const;
const PROPOSAL_WRITES = ['membership/proposal/<call>', 'membership/vote/<call>/<organisation>'];
const JOIN_WRITES = [
  'membership/network, when decided',
  'membership/roots/<new organisation>, when decided',
  'membership/revoked/<new organisation>, when decided',
  'membership/identity/<administrator>, when decided',
];

/** An applicant's administrator signs hashTuple('join', network, application): nobody is proposed against their will. */
type Application = {
  readonly applicant: Applicant;
  readonly notAfterMs: number;
  readonly signed: Json;
  readonly signature: string;
};

export const proposeJoin = defineTransaction<Application>({
  contract: 'membership',
  name: 'proposeJoin',
  summary: 'Proposes that an organisation joins; counts as the vote of the proposing organisation.',
  ...ADMINISTRATOR,
  checks: [
    "The application was signed by the applicant's administrator for this network and is not past its notAfterMs.",
    "The administrator's certificate leads to the applicant's own authority.",
    'No organisation has, or ever had, that name; no identity has the administrator’s id.',
  ],
  writes: [...PROPOSAL_WRITES, ...JOIN_WRITES],
  errors: [
    'organisation-exists',
    'application-expired',
    'application-signature',
    'certificate-invalid',
    'organisation-mismatch',
    'administrator-required',
    'identity-exists',
    'limit-exceeded',
    'args-invalid',
  ],
  parse: (args) => {
    const { application, signature } = parseFields(args, 'args', ['application', 'signature']);
    const fields = parseFields(application, 'application', [...APPLICANT_FIELDS, 'notAfterMs']);
    return {
      applicant: parseApplicant(fields, 'application'),
      notAfterMs: parseTimeMs(fields.notAfterMs, 'application.notAfterMs'),
      signed: application,
      signature: parseSignature(signature, 'signature'),
    };
  },
  run: async (context, { applicant, notAfterMs, signed, signature }) => {
    const { pure, members, network } = context;
    demand(members.roots(applicant.organisation) === undefined, 'organisation-exists');
    demand(context.timestampMs <= notAfterMs, 'application-expired');
    const verified = await verifyApplicant(pure, applicant, context.timestampMs);
    const message = pure.hashTuple('join', network, signed);
    demand(pure.verifySignature(verified.administrator.publicKey, message, signature), 'application-signature');
    demand((await context.get(identityKey(verified.administrator.id))) === undefined, 'identity-exists');
    return propose(context, { kind: 'join', applicant: verified });
  },
});

type RootsChange = {
  readonly organisation: string;
  readonly add: { readonly authority: string; readonly administrator: Enrolment } | null;
  readonly retire: readonly { readonly authority: string; readonly untilMs: number }[];
};

export const proposeRoots = defineTransaction<RootsChange>({
  contract: 'membership',
  name: 'proposeRoots',
  summary:
    "Proposes to add an authority to an organisation and to retire others from a time on. Any organisation's administrator may propose, so that a member whose administrators are lost can be helped.",
  ...ADMINISTRATOR,
  checks: [
    'The organisation is active.',
    'A new authority certified an administrator of that organisation, which proves that it is one; the administrator is enrolled with it.',
    'Retired authorities are known and live; at least one live authority stays; no retirement lies in the past.',
  ],
  writes: [
    ...PROPOSAL_WRITES,
    'membership/roots/<organisation>, when decided',
    'membership/identity/<administrator of the new authority>, when decided',
  ],
  errors: [
    'organisation-unknown',
    'organisation-removed',
    'authority-exists',
    'authority-unknown',
    'authority-missing',
    'certificate-invalid',
    'organisation-mismatch',
    'administrator-required',
    'identity-exists',
    'identity-revoked',
    'limit-exceeded',
    'args-invalid',
  ],
  parse: (args) => {
    const fields = parseFields(args, 'args', ['organisation', 'add', 'retire']);
    const retire = parseList(fields.retire, 'retire', { max: AUTHORITIES_MAX }, (item, name) => {
      const { authority, untilMs } = parseFields(item, name, ['authority', 'untilMs']);
      return {
        authority: parseHash(authority, `${name}.authority`),
        untilMs: parseTimeMs(untilMs, `${name}.untilMs`),
      };
    });
    demandUnique(retire, 'retire', ({ authority }) => authority);
    return {
      organisation: parseOrganisation(fields.organisation, 'organisation'),
      add: parseNullable(fields.add, 'add', (value, name) => {
        const { authority, administrator } = parseFields(value, name, ['authority', 'administrator']);
        return {
          authority: parseAuthority(authority, `${name}.authority`),
          administrator: parseEnrolment(administrator, `${name}.administrator`),
        };
      }),
      retire,
    };
  },
  run: async (context, { organisation, add, retire }) => {
    const { pure, timestampMs: atMs } = context;
    const roots = readActiveRoots(context, organisation);
    for (const { authority } of retire) {
      demand(
        roots.ca.some((fact) => fact.authority === authority && fact.untilMs === null),
        'authority-unknown',
      );
    }
    if (add === null) return propose(context, { kind: 'roots', organisation, add, retire });
    const { authority: certificate, administrator: enrolment } = add;
    const authority = authorityOf(pure, certificate);
    demand(!roots.ca.some((fact) => fact.authority === authority), 'authority-exists');
    const authorities = [{ authority, certificate }];
    const administrator = await readAdministrator(pure, { enrolment, authorities, organisation, atMs });
    demand((await context.get(identityKey(administrator.id))) === undefined, 'identity-exists');
    return propose(context, { kind: 'roots', organisation, add: { authority, certificate, administrator }, retire });
  },
});

export const proposeRemoval = defineTransaction<{ readonly organisation: string; readonly reason: string }>({
  contract: 'membership',
  name: 'proposeRemoval',
  summary:
    'Proposes that an organisation leaves. Its name, roots and patients stay known: old signatures are judged by them, and its patients still revoke.',
  ...ADMINISTRATOR,
  checks: ['The organisation is active and not the last one.'],
  writes: [...PROPOSAL_WRITES, 'membership/roots/<organisation>, when decided', 'membership/network, when decided'],
  errors: ['organisation-unknown', 'organisation-removed', 'last-organisation', 'args-invalid'],
  parse: (args) => {
    const { organisation, reason } = parseFields(args, 'args', ['organisation', 'reason']);
    return { organisation: parseOrganisation(organisation, 'organisation'), reason: parseCode(reason, 'reason') };
  },
  run: async (context, { organisation, reason }) => {
    readActiveRoots(context, organisation);
    return propose(context, { kind: 'removal', organisation, reason });
  },
});

export const castVote = defineTransaction<{ readonly proposal: string; readonly approve: boolean }>({
  contract: 'membership',
  name: 'vote',
  summary:
    'One vote of an organisation. More than half of the organisations active at the vote decide; the deciding vote has the effect.',
  ...ADMINISTRATOR,
  checks: [
    'The proposal is open and at most 30 days old.',
    "The caller's organisation has not voted on it.",
    'When the vote decides: what the proposal changes is still possible.',
  ],
  writes: [
    'membership/vote/<proposal>/<organisation>',
    'membership/proposal/<proposal>',
    'what the proposal names, when decided',
  ],
  errors: [
    'proposal-unknown',
    'proposal-decided',
    'proposal-expired',
    'already-voted',
    'organisation-exists',
    'organisation-removed',
    'last-organisation',
    'authority-exists',
    'authority-unknown',
    'authority-missing',
    'identity-exists',
    'identity-revoked',
    'limit-exceeded',
    'already-migrated',
    'args-invalid',
  ],
  parse: (args) => {
    const { proposal, approve } = parseFields(args, 'args', ['proposal', 'approve']);
    return { proposal: parseHash(proposal, 'proposal'), approve: parseBoolean(approve, 'approve') };
  },
  run: (context, { proposal, approve }) => vote(context, proposal, approve),
});

export const proposals: readonly AnyTransaction[] = [proposeJoin, proposeRoots, proposeRemoval, proposeMove, castVote];
