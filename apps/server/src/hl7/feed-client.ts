import { FEED_ROLE, type IdentityFact, identityKey } from '@salus/contracts';
import { issueCertificate, type Json } from '@salus/crypto';
import type { Writer } from '@salus/records';
import { CLOCK_SLACK_MS, newId } from '../founding.ts';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';

/** A feed is certified as long as its organisation's people are. */
const CERTIFICATE_DAYS = 365;
const DAY_MS = 86_400_000;

/** A client of the organisation that writes what another system sends, under its own name on the ledger. */
export interface FeedClient {
  readonly name: string;
  readonly id: string;
  readonly chain: readonly string[];
}

const documentName = (name: string): string => `feed-client/${name}`;

/**
 * Makes the key and certificate of a feed. It writes once the administrator's own signed `membership.enrol` with the chain
 * is committed.
 *
 * @throws ServerError `conflict` for a name that is taken
 */
export async function certifyFeed(organisation: HostedOrganisation, name: string, nowMs: number): Promise<FeedClient> {
  const { vault, slug } = organisation;
  if ((await findFeed(organisation, name)) !== undefined)
    throw new ServerError('conflict', 'There is a feed of this name.');
  const signer = await vault.privateKeys.createSigning(`client:${name}`);
  const id = newId();
  const certificate = await issueCertificate({
    ca: await organisation.openAuthority(),
    id,
    organisation: slug,
    kind: 'client',
    roles: [FEED_ROLE],
    publicKey: signer.publicKey,
    notBeforeMs: nowMs - CLOCK_SLACK_MS,
    notAfterMs: nowMs + CERTIFICATE_DAYS * DAY_MS,
  });
  const client: FeedClient = { name, id, chain: [certificate] };
  await vault.documents.put('setting', documentName(name), client as unknown as Json);
  return client;
}

export async function findFeed({ vault }: HostedOrganisation, name: string): Promise<FeedClient | undefined> {
  return (await vault.documents.find('setting', documentName(name))) as unknown as FeedClient | undefined;
}

/** How a feed writes; undefined while it is not certified, or its key is not kept here. */
export async function findFeedWriter(organisation: HostedOrganisation, name: string): Promise<Writer | undefined> {
  const { vault, slug } = organisation;
  const client = await findFeed(organisation, name);
  const [key] = await vault.privateKeys.list(`client:${name}`);
  if (client === undefined || key === undefined) return undefined;
  const identity = (await vault.ledger.get(identityKey(client.id))) as IdentityFact | undefined;
  const who = { kind: 'member', id: client.id, organisation: slug, roles: identity?.roles ?? [] } as const;
  return { submitter: { id: client.id, signer: await vault.privateKeys.openSigner(key.kid) }, who };
}
