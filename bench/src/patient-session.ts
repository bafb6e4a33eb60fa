import { randomBytes } from '@salus/crypto';
import {
  answerChallenge,
  claim,
  createPatientWallet,
  derivedDeviceKeys,
  grant,
  type KeyEnvelope,
  type ListedKey,
  locateRequest,
  type Place,
  type PreparedCall,
  parseSlip,
  revoke,
  sealPlaces,
  useRequest,
} from '@salus/wallet';
import { type NodeProcess, type StaffSession, sendJson } from './node-process.ts';

const DAY_MS = 86_400_000;

export interface ReadingSession {
  /** Where the session's records are: a GET on `<path>/<recordId>` reads one. */
  readonly path: string;
  readonly records: readonly string[];
  /** The patient takes the grant back; resolves when the ledger has it. */
  readonly revoke: () => Promise<void>;
}

interface People {
  readonly author: StaffSession;
  readonly reader: StaffSession;
  readonly patientId: string;
}

/** A patient of the author's who has claimed the slip and logged in, and the keys to which the reader's organisation is sealed. */
async function claimedPatient(node: NodeProcess, { author, reader, patientId }: People) {
  const { network } = author.wallet;
  const post = poster(node);
  const home = `/api/v1/orgs/${author.organisation}`;
  const { slip } = await sendJson<{ slip: string }>(node.send, {
    method: 'POST',
    path: `${home}/patients/${patientId}/slip`,
    token: author.token,
  });
  const { wallet: fresh } = await createPatientWallet(network, derivedDeviceKeys(randomBytes(32)));
  const occasion = { network, nowMs: Date.now() };
  const claimed = await claim(fresh, occasion, parseSlip(slip));
  await post(`${home}/calls`, bodyOf(claimed));
  const { wallet } = claimed;
  const { pid, kid } = wallet.content.pids[0]!;
  const { challenge } = await post<{ challenge: string }>(`${home}/patient/challenge`, { pid, kid });
  const { signature } = await answerChallenge(wallet, { pid, challenge });
  const { token } = await post<{ token: string }>(`${home}/patient/login`, { pid, kid, challenge, signature });
  const { organisations } = await sendJson<{
    organisations: readonly { organisation: string; hpke: readonly ListedKey[] }[];
  }>(node.send, { method: 'GET', path: '/api/v1/network' });
  const recipients = organisations.find(({ organisation }) => organisation === reader.organisation)?.hpke ?? [];
  return { wallet, occasion, pid, token, home, recipients };
}

function poster({ send }: NodeProcess) {
  return <T>(path: string, body: unknown, token?: string): Promise<T> =>
    sendJson<T>(send, { method: 'POST', path, body: JSON.stringify(body), ...(token === undefined ? {} : { token }) });
}

/** The patient tells the reader's organisation of `places` in a list of their own; answers how the reader asks for it. */
export async function tellPlaces(node: NodeProcess, people: People, places: readonly Place[]) {
  const { author, reader } = people;
  const { wallet, occasion, pid, token, home, recipients } = await claimedPatient(node, people);
  const post = poster(node);
  const made = await grant(wallet, occasion, {
    choice: {
      ...{ pid, kind: 'locate', grantee: { kind: 'organisation', organisation: reader.organisation } },
      ...{ categories: [], labelClasses: [], purposes: ['TREAT'] },
      ...{ notBeforeMs: occasion.nowMs - 1_000, notAfterMs: occasion.nowMs + DAY_MS },
    },
    envelopes: [],
    recipients,
  });
  const { terms, salt } = made;
  const sealed = await sealPlaces(made.wallet, terms.grant, recipients[0]!, places);
  await post(`${home}/patient/grants`, { ...bodyOf(made), seals: [], places: sealed }, token);
  return async (): Promise<readonly Place[]> => {
    const now = { network: occasion.network, nowMs: Date.now() };
    const asked = await locateRequest(reader.wallet, now, { token: terms, purpose: 'TREAT' });
    const body = { author: author.organisation, ...asked, token: { terms, salt } };
    const path = `/api/v1/orgs/${reader.organisation}/places`;
    return (await post<{ places: readonly Place[] }>(path, body, reader.token)).places;
  };
}

/** A patient claims the slip, grants the laboratory results to hospital B, and a clinician there opens a session. */
export async function openReading(node: NodeProcess, people: People): Promise<ReadingSession> {
  const { author, reader } = people;
  const { wallet, occasion, pid, token, home, recipients } = await claimedPatient(node, people);
  const post = poster(node);
  const { keys } = await sendJson<{ keys: readonly KeyEnvelope[] }>(node.send, {
    method: 'GET',
    path: `${home}/patient/keys`,
    token,
  });
  const made = await grant(wallet, occasion, {
    choice: {
      pid,
      grantee: { kind: 'organisation', organisation: reader.organisation },
      categories: ['laboratory'],
      labelClasses: ['N'],
      purposes: ['TREAT'],
      notBeforeMs: occasion.nowMs - 1_000,
      notAfterMs: occasion.nowMs + DAY_MS,
    },
    envelopes: keys,
    recipients,
  });
  await post(`${home}/patient/grants`, { ...bodyOf(made), seals: made.seals }, token);
  const { call, chain } = await useRequest(reader.wallet, occasion, {
    token: made.terms,
    purpose: 'TREAT',
    categories: ['laboratory'],
  });
  const reads = `/api/v1/orgs/${reader.organisation}/reads`;
  const opened = await post<{ session: string }>(
    reads,
    { author: author.organisation, call, chain, token: { terms: made.terms, salt: made.salt } },
    reader.token,
  );
  const path = `${reads}/${opened.session}/records`;
  const { records } = await sendJson<{ records: readonly { recordId: string }[] }>(node.send, {
    method: 'GET',
    path: `${path}?limit=1000`,
    token: reader.token,
  });
  const takeBack = async (): Promise<void> => {
    const ended = await revoke(made.wallet, { ...occasion, nowMs: Date.now() }, { pid, grant: made.terms.grant });
    await post(`${home}/calls`, bodyOf(ended));
  };
  return { path, records: records.map(({ recordId }) => recordId), revoke: takeBack };
}

function bodyOf({ call, privateArgs }: PreparedCall): object {
  return { call, ...(privateArgs === null ? {} : { privateArgs }) };
}
