import type Provider from 'oidc-provider';
import type { Node } from '../node.ts';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import { AdmissionNotes } from './admission-notes.ts';
import { AppDelegations } from './app-delegations.ts';
import { Approvals } from './approvals.ts';
import { SmartClients } from './clients.ts';
import { issuerOf } from './endpoints.ts';
import { LaunchContexts } from './launch-context.ts';
import { Launches } from './launches.ts';
import { createProvider } from './provider.ts';
import { openIssuerKeys } from './signing-keys.ts';
import { TokenLiveness } from './token-liveness.ts';

/** Everything by which apps reach one organisation. */
export interface SmartServer {
  readonly organisation: HostedOrganisation;
  readonly issuer: string;
  /** Base of the FHIR API, without a slash at the end. */
  readonly audience: string;
  readonly provider: Provider;
  readonly clients: SmartClients;
  readonly contexts: LaunchContexts;
  readonly admissions: AdmissionNotes;
  readonly liveness: TokenLiveness;
  readonly approvals: Approvals;
  readonly launches: Launches;
  readonly delegations: AppDelegations;
}

/** The authorisation servers of a node: one for each organisation, opened when first asked for. */
export class SmartServers {
  readonly #node: Node;
  readonly #open = new Map<string, Promise<SmartServer>>();

  constructor(node: Node) {
    this.#node = node;
  }

  /** undefined for an organisation that this node does not host. */
  async find(slug: string): Promise<SmartServer | undefined> {
    const known = this.#open.get(slug);
    if (known !== undefined) return known;
    const organisation = this.#node.organisations.get(slug);
    if (organisation === undefined) return undefined;
    const opening = openSmartServer(organisation, this.#node.nowMs);
    this.#open.set(slug, opening);
    try {
      return await opening;
    } catch (error) {
      this.#open.delete(slug);
      throw error;
    }
  }

  /** @throws ServerError `not-found` for an organisation that this node does not host */
  async read(slug: string): Promise<SmartServer> {
    const server = await this.find(slug);
    if (server === undefined) throw new ServerError('not-found', 'This node hosts no such organisation.');
    return server;
  }
}

async function openSmartServer(organisation: HostedOrganisation, nowMs: () => number): Promise<SmartServer> {
  const { vault, accounts, baseUrl } = organisation;
  const audience = baseUrl;
  const issuer = issuerOf(audience);
  const clients = new SmartClients(organisation);
  const contexts = new LaunchContexts(vault.artifacts);
  const liveness = new TokenLiveness({ vault, accounts, clients, contexts });
  const keys = await openIssuerKeys(vault.documents);
  const provider = createProvider({
    ...{ issuer, audience, keys, clients, contexts, liveness, nowMs },
    artifacts: vault.artifacts,
  });
  return {
    ...{ organisation, issuer, audience, provider, clients, contexts, liveness },
    admissions: new AdmissionNotes(vault.artifacts),
    approvals: new Approvals(vault),
    launches: new Launches(vault),
    delegations: new AppDelegations(nowMs),
  };
}
