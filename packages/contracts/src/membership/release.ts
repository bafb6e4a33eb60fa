import { parseFields, parseHash, parseOneOf } from '../args.ts';
import { ContractError, demand } from '../errors.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { administratorOf } from './proposal.ts';

const ADMINISTRATOR = { signers: ['id'], memberKinds: ['staff'], roles: ['administrator'] } as const;

/** What is released to browsers. */
export const RELEASE_NAMES = ['web'] as const;
export type ReleaseName = (typeof RELEASE_NAMES)[number];

/** membership/release/<organisation>/<name>/<hash>: the organisation's nodes may serve exactly these bytes. */
export type ReleaseFact = {
  readonly status: 'listed' | 'withdrawn';
  readonly listedMs: number;
  readonly withdrawnMs?: number;
};

export const releaseKey = (organisation: string, name: ReleaseName, hash: string): string =>
  `membership/release/${organisation}/${name}/${hash}`;

type ReleaseArgs = { readonly name: ReleaseName; readonly hash: string };

const parseRelease = (value: Parameters<AnyTransaction['parse']>[0]): ReleaseArgs => {
  const { name, hash } = parseFields(value, 'args', ['name', 'hash']);
  return { name: parseOneOf(name, 'args.name', RELEASE_NAMES), hash: parseHash(hash, 'args.hash') };
};

export const listRelease = defineTransaction<ReleaseArgs>({
  contract: 'membership',
  name: 'listRelease',
  summary:
    'Lists the SHA-256 of a bundle that the organisation’s nodes serve to browsers: installed apps take no other. A person signs it, so that whoever breaks into a node lists nothing.',
  ...ADMINISTRATOR,
  checks: ['The release was never listed by this organisation: `release-exists`. A withdrawn one does not come back.'],
  writes: ['membership/release/<organisation>/<name>/<hash>'],
  errors: ['release-exists', 'args-invalid'],
  parse: parseRelease,
  run: async (context, { name, hash }) => {
    const { organisation } = administratorOf(context);
    const key = releaseKey(organisation, name, hash);
    demand((await context.get(key)) === undefined, 'release-exists');
    context.put(key, { status: 'listed', listedMs: context.timestampMs } satisfies ReleaseFact);
    context.emit('membership.released', { organisation, name, hash });
    return { name, hash };
  },
});

export const withdrawRelease = defineTransaction<ReleaseArgs>({
  contract: 'membership',
  name: 'withdrawRelease',
  summary: 'Takes a release back for ever, such as one with a hole.',
  ...ADMINISTRATOR,
  checks: ['The caller’s organisation lists the release: `release-unknown`.'],
  writes: ['membership/release/<organisation>/<name>/<hash>'],
  errors: ['release-unknown', 'args-invalid'],
  parse: parseRelease,
  run: async (context, { name, hash }) => {
    const { organisation } = administratorOf(context);
    const key = releaseKey(organisation, name, hash);
    const fact = await context.get<ReleaseFact>(key);
    if (fact?.status !== 'listed') throw new ContractError('release-unknown');
    context.put(key, { ...fact, status: 'withdrawn', withdrawnMs: context.timestampMs } satisfies ReleaseFact);
    context.emit('membership.withdrawn', { organisation, name, hash });
    return { name, hash };
  },
});

export const releases: readonly AnyTransaction[] = [listRelease, withdrawRelease];
