import { cardMessage } from '../src/consent/emergency.ts';
import { grantCommitment, type OpenedTerms, type Terms } from '../src/consent/terms.ts';
import type { SignedCall } from '../src/context.ts';
import type { Json, JsonObject } from '../src/json.ts';
import { type CallOptions, DAY_MS, HOUR_MS, pure, type TestSigner } from './host.ts';
import { sign, type TestKey, testHash, testId, testKey } from './keys.ts';
import { createNetwork, type Member, type Patient, type TestNetwork } from './network.ts';

/** Alice's records lie at hospital A; hospital B's clinician wants to read them; hospital C looks on. */
export type ConsentWorld = TestNetwork & {
  readonly alice: Patient;
  readonly nodeA: Member;
  readonly reader: Member;
};

export async function createConsentWorld(): Promise<ConsentWorld> {
  const network = await createNetwork(['hospital-a', 'hospital-b', 'hospital-c']);
  const alice = await network.claim('hospital-a', 'alice');
  return {
    ...network,
    alice,
    nodeA: network.organisation('hospital-a').node,
    reader: network.organisation('hospital-b').clinician,
  };
}

/** Terms that allow hospital B to read laboratory results and medication for treatment, for a day; `grant` from the label. */
export function openTerms(world: ConsentWorld, label: string, overrides: Partial<Terms> = {}): OpenedTerms {
  const terms: Terms = {
    version: 'salus:terms:v1',
    network: world.host.network,
    pid: world.alice.pid,
    grant: testId(label),
    kind: 'access',
    grantee: { kind: 'organisation', organisation: 'hospital-b' },
    categories: ['laboratory', 'medication'],
    labelClasses: ['normal'],
    resourceTypes: null,
    records: null,
    dataFromMs: null,
    dataToMs: null,
    purposes: ['TREAT', 'COC'],
    exceptActors: [],
    mayKeep: false,
    notBeforeMs: world.nowMs(),
    notAfterMs: world.nowMs() + DAY_MS,
    maxUses: null,
    delegationDepth: 0,
    parent: null,
    ...overrides,
  };
  return { terms, salt: testHash(`salt of ${label} ${JSON.stringify(overrides)}`) };
}

const cardKeys = new Map<string, TestKey>();

/** An emergency card: terms for whoever holds the card's key, which its public half finds again. */
export function openCard(world: ConsentWorld, label: string, overrides: Partial<Terms> = {}): OpenedTerms {
  const key = testKey(`card ${label}`);
  cardKeys.set(key.publicKey, key);
  const grantee = { kind: 'card', key: key.publicKey } as const;
  return openTerms(world, label, { kind: 'card', grantee, purposes: ['ETREAT'], ...overrides });
}

export function grantOf(
  world: ConsentWorld,
  opened: OpenedTerms,
  { by = world.alice.phone, seals = [], args = {} }: { by?: TestSigner; seals?: Json; args?: JsonObject } = {},
): CallOptions {
  const { terms, salt } = opened;
  return {
    transaction: 'consent.grant',
    args: {
      grant: terms.grant,
      kind: terms.kind,
      commitment: grantCommitment(pure, opened),
      cardKey: terms.grantee.kind === 'card' ? terms.grantee.key : null,
      ...args,
    },
    values: { terms, salt, seals },
    by,
  };
}

/** Grants `overrides` of the usual terms and returns them. */
export async function makeGrant(
  world: ConsentWorld,
  label: string,
  overrides: Partial<Terms> = {},
): Promise<OpenedTerms> {
  const opened = openTerms(world, label, overrides);
  await world.commit(grantOf(world, opened));
  return opened;
}

/** A reader's own signed request, which nobody submits. */
export function innerOf(
  world: ConsentWorld,
  transaction: string,
  args: Json,
  reader: TestSigner,
  options: Partial<CallOptions> = {},
): SignedCall {
  return world.sign({ transaction: `consent.${transaction}`, args, by: reader, ...options }).call;
}

export type Using = {
  readonly opened: OpenedTerms;
  readonly ancestors?: readonly OpenedTerms[];
  readonly reader?: Member;
  readonly purpose?: string;
  readonly categories?: readonly string[];
  readonly by?: TestSigner;
  readonly request?: SignedCall;
  readonly chain?: readonly string[];
  readonly args?: JsonObject;
};

export function useRequestOf(world: ConsentWorld, using: Using): SignedCall {
  const { reader = world.reader, purpose = 'TREAT', categories = ['laboratory'] } = using;
  const { pid, grant } = using.opened.terms;
  return innerOf(world, 'useRequest', { pid, grant, purpose, categories }, reader);
}

export function useOf(world: ConsentWorld, using: Using): CallOptions {
  return readOf(world, 'use', { ...using, request: using.request ?? useRequestOf(world, using) });
}

export function locateOf(world: ConsentWorld, using: Using): CallOptions {
  const { reader = world.reader, purpose = 'TREAT', opened } = using;
  const { pid, grant } = opened.terms;
  const request = using.request ?? innerOf(world, 'locateRequest', { pid, grant, purpose }, reader);
  return readOf(world, 'locate', { ...using, request });
}

function readOf(world: ConsentWorld, name: string, using: Using & { readonly request: SignedCall }): CallOptions {
  const { opened, ancestors = [], reader = world.reader, by = world.nodeA, request, chain = reader.chain } = using;
  const { terms, salt } = opened;
  return {
    transaction: `consent.${name}`,
    args: { pid: terms.pid, grant: terms.grant, request: pure.callId(request.payload), ...using.args },
    values: { request, chain, terms, salt, ancestors } as unknown as JsonObject,
    by,
  };
}

export type Delegating = {
  readonly parent: OpenedTerms;
  readonly child: OpenedTerms;
  readonly ancestors?: readonly OpenedTerms[];
  readonly reader?: Member;
  readonly by?: TestSigner;
  readonly request?: SignedCall;
  readonly seals?: Json;
  readonly args?: JsonObject;
};

export function delegateOf(world: ConsentWorld, delegating: Delegating): CallOptions {
  const { parent, child, ancestors = [], reader = world.reader, by = world.nodeA, seals = [] } = delegating;
  const named = {
    pid: parent.terms.pid,
    parent: parent.terms.grant,
    grant: child.terms.grant,
    commitment: grantCommitment(pure, child),
  };
  const request = delegating.request ?? innerOf(world, 'delegateRequest', named, reader);
  const { terms, salt } = parent;
  return {
    transaction: 'consent.delegate',
    args: { ...named, request: pure.callId(request.payload), ...delegating.args },
    values: { request, chain: reader.chain, terms, salt, ancestors, child, seals } as unknown as JsonObject,
    by,
  };
}

/** The child of `parent`, one level deeper, for hospital C unless told otherwise. */
export function childOf(
  world: ConsentWorld,
  parent: OpenedTerms,
  label: string,
  overrides: Partial<Terms> = {},
): OpenedTerms {
  return openTerms(world, label, {
    ...parent.terms,
    grant: testId(label),
    grantee: { kind: 'organisation', organisation: 'hospital-c' },
    delegationDepth: Math.max(0, parent.terms.delegationDepth - 1),
    parent: parent.terms.grant,
    ...overrides,
  });
}

export type Narrowing = {
  readonly previous: OpenedTerms;
  readonly next: OpenedTerms;
  /** The grantee who narrows; absent: the patient does. */
  readonly reader?: Member;
  readonly ancestors?: readonly OpenedTerms[];
  readonly by?: TestSigner;
  readonly request?: SignedCall;
  readonly args?: JsonObject;
};

export function narrowOf(world: ConsentWorld, narrowing: Narrowing): CallOptions {
  const { previous, next, reader, ancestors = [] } = narrowing;
  const { pid, grant } = previous.terms;
  const named = { pid, grant, commitment: grantCommitment(pure, next) };
  const request =
    narrowing.request ?? (reader === undefined ? undefined : innerOf(world, 'narrowRequest', named, reader));
  const holder = reader === undefined || request === undefined ? null : { request, chain: reader.chain, ancestors };
  return {
    transaction: 'consent.narrow',
    args: { ...named, request: request === undefined ? null : pure.callId(request.payload), ...narrowing.args },
    values: { previous, next, holder } as unknown as JsonObject,
    by: narrowing.by ?? (reader === undefined ? world.alice.phone : world.nodeA),
  };
}

export type Urgent = {
  readonly reader?: Member;
  readonly role?: string;
  readonly untilMs?: number;
  readonly card?: OpenedTerms;
  readonly cardKey?: TestKey;
  readonly by?: TestSigner;
  readonly pid?: string;
  readonly reason?: string;
  readonly request?: SignedCall;
  readonly args?: JsonObject;
};

let showings = 0;

/** Emergency access by a clinician of hospital A, or with a card by one of hospital B. */
export function emergencyOf(world: ConsentWorld, urgent: Urgent = {}): CallOptions {
  const { card, untilMs = world.nowMs() + HOUR_MS, pid = world.alice.pid, by = world.nodeA } = urgent;
  const reader = urgent.reader ?? (card === undefined ? world.organisation('hospital-a').clinician : world.reader);
  const request = urgent.request ?? emergencyRequestOf(world, { ...urgent, reader, untilMs, pid });
  const values = { request, chain: reader.chain, card: card ?? null };
  return {
    transaction: 'consent.emergency',
    args: { pid, request: pure.callId(request.payload), untilMs, card: card?.terms.grant ?? null, ...urgent.args },
    values: values as unknown as JsonObject,
    by,
  };
}

export function emergencyRequestOf(
  world: ConsentWorld,
  urgent: Urgent & { readonly reader: Member; readonly untilMs: number; readonly pid: string },
): SignedCall {
  const { reader, untilMs, pid, card, role = 'clinician', reason = 'unconscious' } = urgent;
  const nonce = testId(`showing ${showings++}`);
  const shown = card === undefined ? null : showCard(world, { ...urgent, card, nonce });
  const args = { pid, role, reason, text: 'found without consciousness', untilMs, card: shown };
  const { call } = world.sign({ transaction: 'consent.emergencyRequest', args, by: reader });
  const payload = { ...call.payload, nonce };
  return { payload, signature: sign(reader.key, pure.canonical(payload as unknown as Json)) };
}

function showCard(
  world: ConsentWorld,
  showing: {
    readonly card: OpenedTerms;
    readonly cardKey?: TestKey;
    readonly reader: Member;
    readonly nonce: string;
    readonly untilMs: number;
    readonly pid: string;
  },
): { grant: string; signature: string } {
  const { card, cardKey, reader, nonce, untilMs, pid } = showing;
  const key = cardKey ?? (card.terms.grantee.kind === 'card' ? cardKeys.get(card.terms.grantee.key) : undefined);
  if (key === undefined) throw new Error('the test names no key for its card');
  const { grant } = card.terms;
  const message = cardMessage(pure, { network: world.host.network, pid, grant, signer: reader.signer, nonce, untilMs });
  return { grant, signature: sign(key, message) };
}

export async function makeCard(
  world: ConsentWorld,
  label: string,
  overrides: Partial<Terms> = {},
): Promise<OpenedTerms> {
  const card = openCard(world, label, overrides);
  await world.commit(grantOf(world, card));
  return card;
}

export function revokeOf(world: ConsentWorld, grant: string, by: TestSigner = world.alice.phone): CallOptions {
  return { transaction: 'consent.revoke', args: { grant }, by, notAfter: null };
}

export function expireOf(world: ConsentWorld, { terms, salt }: OpenedTerms, by: TestSigner = world.nodeA): CallOptions {
  const { pid, grant } = terms;
  return { transaction: 'consent.expire', args: { pid, grant }, values: { terms, salt }, by };
}
