import { randomInt } from 'node:crypto';
import { type GrantFact, grantKey, type Purpose } from '@salus/contracts';
import type { Json } from '@salus/crypto';
import { CATEGORIES, type Category, isCategory, type ResourceType, rowOf } from '@salus/fhir';
import type { Vault } from '@salus/records';
import { ServerError } from '../server-error.ts';
import type { SmartClient } from './clients.ts';
import { INTERACTION_SECONDS } from './provider.ts';
import type { Scopes } from './scopes.ts';

const KIND = 'SmartApproval';
/** Crockford's letters: none is taken for another. */
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE = /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/;
const HALF = 4;

/** An app that waits at the authorisation page for a patient's wallet to let it in. */
export interface Approval {
  readonly code: string;
  /** Of the authorisation under way. */
  readonly uid: string;
  readonly client: string;
  readonly clientName: string;
  readonly returnsTo: string;
  readonly scopes: readonly string[];
  readonly purpose: Purpose;
  /** What the scopes speak of; the patient may grant less. */
  readonly categories: readonly Category[];
  /** null: every type. */
  readonly resourceTypes: readonly ResourceType[] | null;
  readonly state: { readonly kind: 'open' | 'declined' } | ApprovedState;
}

export interface ApprovedState {
  readonly kind: 'approved';
  readonly pid: string;
  readonly grant: string;
}

/**
 * Request codes by which the page in one browser and the wallet on any device find each other. A code opens nothing: the
 * wallet that answers it shows the app's name and signs a grant, and only the browser that began goes on.
 */
export class Approvals {
  readonly #vault: Vault;

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** The approval of an authorisation under way, begun when there is none yet. */
  async ofInteraction(
    uid: string,
    asked: { readonly client: SmartClient; readonly returnsTo: string; readonly scopes: Scopes },
  ): Promise<Approval> {
    const known = (await this.#vault.artifacts.findByAlias(KIND, uid)) as unknown as Approval | undefined;
    if (known !== undefined) return known;
    const { client, returnsTo, scopes } = asked;
    const types = scopes.resources.map(({ type }) => type);
    const approval: Approval = {
      code: drawCode(),
      uid,
      client: client.id,
      clientName: client.name,
      returnsTo,
      scopes: [...scopes.words, ...scopes.resources.map(({ text }) => text)],
      purpose: client.purpose,
      categories: categoriesOf(scopes),
      resourceTypes: types.includes('*') ? null : [...new Set<ResourceType>(['Patient', ...(types as ResourceType[])])],
      state: { kind: 'open' },
    };
    const expiresMs = this.#vault.clock() + INTERACTION_SECONDS * 1000;
    await this.#vault.artifacts.put(KIND, approval.code, {
      value: approval as unknown as Json,
      expiresMs,
      alias: uid,
      isOpen: true,
    });
    return approval;
  }

  /** @throws ServerError `not-found` for a code that does not wait */
  async read(code: string): Promise<Approval> {
    const found = CODE.test(code) ? await this.#vault.artifacts.find(KIND, code) : undefined;
    const approval = found as unknown as Approval | undefined;
    if (approval?.state.kind !== 'open') throw new ServerError('not-found', 'No app waits with this code.');
    return approval;
  }

  /**
   * Lets the app in by a grant that the patient has committed for it.
   *
   * @throws ServerError `not-found`, `bad-request` where the grant is not this patient's, not for this app or does not hold
   */
  async approve(code: string, { pid, grant }: { readonly pid: string; readonly grant: string }): Promise<void> {
    const { client, purpose } = await this.read(code);
    const { ledger, grants, organisation } = this.#vault;
    const fact = (await ledger.get(grantKey(pid, grant))) as GrantFact | undefined;
    const terms = (await grants.find(pid, grant))?.terms;
    const grantee = terms?.grantee;
    const isForApp = grantee?.kind === 'client' && grantee.id === client && grantee.organisation === organisation;
    if (fact?.status !== 'active' || terms?.kind !== 'access' || !isForApp || !terms.purposes.includes(purpose)) {
      throw new ServerError('bad-request', 'The grant is not one that names this app and its purpose, and holds.');
    }
    await this.#settle(code, { kind: 'approved', pid, grant });
  }

  async decline(code: string): Promise<void> {
    await this.read(code);
    await this.#settle(code, { kind: 'declined' });
  }

  async #settle(code: string, state: Approval['state']): Promise<void> {
    // The first answer counts, of however many.
    const before = (await this.#vault.artifacts.change(KIND, code, (value) => {
      const approval = value as unknown as Approval;
      return approval.state.kind === 'open' ? ({ ...approval, state } as unknown as Json) : undefined;
    })) as unknown as Approval | undefined;
    if (before?.state.kind !== 'open') throw new ServerError('not-found', 'No app waits with this code.');
  }
}

function drawCode(): string {
  const half = (): string => Array.from({ length: HALF }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return `${half()}-${half()}`;
}

/** The categories in which resources of the scopes' types may lie. */
function categoriesOf({ resources }: Scopes): readonly Category[] {
  const found = new Set<Category>(['identity']);
  for (const { type, category } of resources) {
    if (category !== null) found.add(category);
    else if (type === '*') for (const each of CATEGORIES) found.add(each);
    else for (const each of categoriesOfType(type)) found.add(each);
  }
  return CATEGORIES.filter((category) => found.has(category));
}

function categoriesOfType(type: ResourceType): readonly Category[] {
  const { category } = rowOf(type);
  if (isCategory(category)) return [category];
  const byCode = category.steps.flatMap(({ codes }) => [...codes.codes.values()]);
  return [...byCode, category.otherwise, ...(category.present === undefined ? [] : [category.present.category])];
}
