import { parseFields, parseId, parsePublicKey } from '../args.ts';
import type { Context } from '../context.ts';
import { demand } from '../errors.ts';
import { isLive, rootsKey } from '../members.ts';
import { demandPoint } from '../public-key.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { findIdentityFault, type IdentityFact, identityKey } from './identity.ts';
import { hpkeKey } from './organisation.ts';
import { administratorOf, readActiveRoots } from './proposal.ts';

/** HPKE keys of one organisation, retired ones included, so that no kid returns with another meaning. */
export const HPKE_KEYS_MAX = 256;

const ADMINISTRATOR = { signers: ['id'], memberKinds: ['staff'], roles: ['administrator'] } as const;

export const addHpkeKey = defineTransaction<{ readonly publicKey: string; readonly holder: string }>({
  contract: 'membership',
  name: 'addHpkeKey',
  summary: 'Lists a key to which patients may seal what they grant to the organisation or to one of its clients.',
  ...ADMINISTRATOR,
  checks: [
    'The holder is `organisation` or an active client of the caller’s organisation.',
    'The key is a point on P-256 and was never listed before by this organisation.',
  ],
  writes: ['membership/roots/<organisation>'],
  errors: ['hpke-holder', 'hpke-key-exists', 'limit-exceeded', 'args-invalid'],
  parse: (args) => {
    const { publicKey, holder } = parseFields(args, 'args', ['publicKey', 'holder']);
    return {
      publicKey: parsePublicKey(publicKey, 'publicKey'),
      holder: holder === 'organisation' ? holder : parseId(holder, 'holder'),
    };
  },
  run: async (context, { publicKey, holder }) => {
    const { organisation } = administratorOf(context);
    const roots = readActiveRoots(context, organisation);
    demand(holder === 'organisation' || (await isOwnClient(context, holder)), 'hpke-holder');
    demandPoint(context.pure, publicKey, 'publicKey');
    const added = hpkeKey(context, publicKey, holder);
    demand(!roots.hpke.some((fact) => fact.kid === added.kid), 'hpke-key-exists');
    demand(roots.hpke.length < HPKE_KEYS_MAX, 'limit-exceeded', 'hpke');
    context.put(rootsKey(organisation), { ...roots, hpke: [...roots.hpke, added] });
    return { kid: added.kid };
  },
});

export const retireHpkeKey = defineTransaction<{ readonly kid: string }>({
  contract: 'membership',
  name: 'retireHpkeKey',
  summary: 'Ends the life of a listed HPKE key: nothing may be sealed to it from now on.',
  ...ADMINISTRATOR,
  checks: ['The key is listed by the caller’s organisation and live.'],
  writes: ['membership/roots/<organisation>'],
  errors: ['hpke-key-unknown', 'args-invalid'],
  parse: (args) => ({ kid: parseId(parseFields(args, 'args', ['kid']).kid, 'kid') }),
  run: async (context, { kid }) => {
    const { organisation } = administratorOf(context);
    const roots = readActiveRoots(context, organisation);
    const { timestampMs } = context;
    demand(
      roots.hpke.some((fact) => fact.kid === kid && isLive(fact, timestampMs)),
      'hpke-key-unknown',
    );
    const hpke = roots.hpke.map((fact) => (fact.kid === kid ? { ...fact, untilMs: timestampMs } : fact));
    context.put(rootsKey(organisation), { ...roots, hpke });
    return { kid };
  },
});

async function isOwnClient(context: Context, id: string): Promise<boolean> {
  const identity = await context.get<IdentityFact>(identityKey(id));
  const own = identity?.organisation === administratorOf(context).organisation && identity.kind === 'client';
  return own && findIdentityFault(identity, context.members, context.timestampMs) === undefined;
}

export const hpkeKeys: readonly AnyTransaction[] = [addHpkeKey, retireHpkeKey];
