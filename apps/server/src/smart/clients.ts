import { randomBytes } from 'node:crypto';
import type { Purpose } from '@salus/contracts';
import { issueCertificate, type Json } from '@salus/crypto';
import type { MemberSigner, Vault } from '@salus/records';
import { CLOCK_SLACK_MS, newId } from '../founding.ts';
import { findLiveIdentity } from '../identities.ts';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import { parseScopes } from './scopes.ts';

/** Of one organisation. */
export const CLIENTS_MAX = 500;
const CLIENT_CERTIFICATE_DAYS = 730;
const DAY_MS = 86_400_000;
const SECRET_BYTES = 32;
const KIND = 'app-client';
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** How a client proves itself at the token endpoint (SMART App Launch 2, §2.1.5); a public one only by PKCE. */
export const AUTHENTICATIONS = ['none', 'client_secret_basic', 'private_key_jwt'] as const;

/** What an administrator says of an app or back-end service. */
export interface ClientRegistration {
  readonly name: string;
  readonly authentication: (typeof AUTHENTICATIONS)[number];
  readonly redirectUris: readonly string[];
  /** Where an EHR launch begins; null for apps that only start by themselves. */
  readonly launchUri: string | null;
  /** Everything that it may ever ask for. */
  readonly scope: string;
  /** Public keys of `private_key_jwt`: keys are handed over, never fetched from where a client says. */
  readonly jwks: { readonly keys: readonly PublicJwk[] } | null;
  /** Roles of its certificate: what a back-end service may open at home follows from them. */
  readonly roles: readonly string[];
  /** For what it uses data when a patient, or nobody, is behind it; it stands in its tokens, and grants must name it. */
  readonly purpose: Purpose;
}

export type PublicJwk = { readonly [member: string]: Json };

/** A registered client. It acts once the ledger lists its identity, and no longer than that. */
export interface SmartClient extends ClientRegistration {
  /** Its certified id, which is also the `client_id`. */
  readonly id: string;
  readonly secret: string | null;
  /** Of its signing key, which the node keeps wrapped. */
  readonly kid: string;
  readonly chain: readonly string[];
  readonly registeredMs: number;
}

/** Clients of one organisation: sealed documents, with a key each in the vault and an identity on the ledger. */
export class SmartClients {
  readonly #vault: Vault;
  readonly #openAuthority: HostedOrganisation['openAuthority'];
  readonly #max: number;
  /** Both hold registered clients only. */
  readonly #signers = new Map<string, MemberSigner>();
  readonly #known = new Map<string, SmartClient>();

  constructor({ vault, openAuthority }: Pick<HostedOrganisation, 'vault' | 'openAuthority'>, max = CLIENTS_MAX) {
    this.#vault = vault;
    this.#max = max;
    this.#openAuthority = openAuthority;
  }

  /**
   * Makes key and certificate of a new client. An administrator's own signed `membership.enrol` with the chain puts it
   * on the ledger; until then it can do nothing.
   *
   * @throws ServerError `bad-request` naming what does not do, `conflict` where there are too many
   */
  async register(registration: ClientRegistration): Promise<SmartClient> {
    demandRegistration(registration);
    const { documents, privateKeys, clock, organisation } = this.#vault;
    await this.#makeRoom();
    const id = newId();
    const nowMs = clock();
    const signer = await privateKeys.createSigning(`client:${id}`);
    const certificate = await issueCertificate({
      ca: await this.#openAuthority(),
      id,
      organisation,
      kind: 'client',
      roles: registration.roles,
      publicKey: signer.publicKey,
      notBeforeMs: nowMs - CLOCK_SLACK_MS,
      notAfterMs: nowMs + CLIENT_CERTIFICATE_DAYS * DAY_MS,
    });
    const [key] = await privateKeys.list(`client:${id}`);
    if (key === undefined) throw new ServerError('internal', 'A key that was just made is not kept.');
    const isSecret = registration.authentication === 'client_secret_basic';
    const client: SmartClient = {
      ...registration,
      id,
      secret: isSecret ? randomBytes(SECRET_BYTES).toString('base64url') : null,
      kid: key.kid,
      chain: [certificate],
      registeredMs: nowMs,
    };
    await documents.put(KIND, id, client as unknown as Json);
    return client;
  }

  async list(): Promise<readonly SmartClient[]> {
    const found = await this.#vault.documents.list(KIND);
    return found.map(({ value }) => value as unknown as SmartClient);
  }

  /** The client as it was registered, whether or not the ledger lets it act. */
  async find(id: string): Promise<SmartClient | undefined> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const found = (await this.#vault.documents.find(KIND, id)) as unknown as SmartClient | undefined;
    // A registration never changes: who wants other scopes or addresses registers anew.
    if (found !== undefined) this.#known.set(id, found);
    return found;
  }

  /** The client, if the ledger lets it act at this moment. */
  async findLive(id: string): Promise<SmartClient | undefined> {
    const client = await this.find(id);
    return client !== undefined && (await this.isLive(id)) ? client : undefined;
  }

  /** Is the identity enrolled, unrevoked and in time? Asked of the ledger each time. */
  async isLive(id: string): Promise<boolean> {
    const { ledger, organisation, clock } = this.#vault;
    const identity = await findLiveIdentity(ledger, { id, organisation, nowMs: clock() });
    return identity?.kind === 'client';
  }

  /** By what the client signs its own calls. */
  async openSigner({ id, kid }: Pick<SmartClient, 'id' | 'kid'>): Promise<MemberSigner> {
    const known = this.#signers.get(id);
    if (known !== undefined) return known;
    const opened = { id, signer: await this.#vault.privateKeys.openSigner(kid) };
    this.#signers.set(id, opened);
    return opened;
  }

  /** Forgets clients that have ended, or were never enrolled, for a day: the ledger remembers them. */
  async #makeRoom(): Promise<void> {
    const { documents, privateKeys, clock } = this.#vault;
    const listed = await this.list();
    if (listed.length < this.#max) return;
    let left = listed.length;
    for (const { id, kid, registeredMs } of listed) {
      if (registeredMs + DAY_MS > clock() || (await this.isLive(id))) continue;
      await documents.delete(KIND, id);
      await privateKeys.retire(kid);
      this.#known.delete(id);
      this.#signers.delete(id);
      left -= 1;
    }
    if (left >= this.#max) throw new ServerError('conflict', `An organisation has at most ${this.#max} clients.`);
  }
}

function demandRegistration({ authentication, redirectUris, launchUri, scope, jwks }: ClientRegistration): void {
  const { resources, words } = parseScopes(scope);
  const isService = resources.some(({ context }) => context === 'system');
  demand(!isService || words.size === 0, 'system scopes stand alone');
  demand(!isService || resources.every(({ context }) => context === 'system'), 'system scopes stand alone');
  demand(!isService || authentication === 'private_key_jwt', 'a back-end service proves itself by private_key_jwt');
  demand(isService === (redirectUris.length === 0), 'an app has redirect URIs, a back-end service has none');
  demand((authentication === 'private_key_jwt') === (jwks !== null), 'private_key_jwt comes with its public keys');
  for (const uri of redirectUris) demand(isWebAddress(uri), 'redirect URIs are https, or http on loopback');
  demand(launchUri === null || isWebAddress(launchUri), 'launch URIs are https, or http on loopback');
  for (const key of jwks?.keys ?? []) demand(isPublicSigningKey(key), 'keys are public, RSA or P-384, with a kid');
}

function isWebAddress(uri: string): boolean {
  if (!URL.canParse(uri) || uri.includes('#')) return false;
  const { protocol, hostname, username } = new URL(uri);
  return username === '' && (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname)));
}

/** RS384 and ES384 (SMART App Launch 2, §4.1.4); a private half that was handed over by mistake is refused. */
function isPublicSigningKey(key: PublicJwk): boolean {
  const { kty, crv, kid } = key;
  const isKnown = kty === 'RSA' || (kty === 'EC' && crv === 'P-384');
  return isKnown && typeof kid === 'string' && kid !== '' && !['d', 'p', 'q', 'k'].some((name) => name in key);
}

function demand(condition: boolean, problem: string): void {
  if (!condition) throw new ServerError('bad-request', `The registration does not do: ${problem}.`);
}
