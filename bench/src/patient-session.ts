import { randomBytes } from '@salus/crypto';
import {
  answerChallenge,
  claim,
  createPatientWallet,
  derivedDeviceKeys,
  grant,
  type KeyEnvelope,
  type ListedKey,
  type PreparedCall,
  parseSlip,
  useRequest,
} from '@salus/wallet';
import { type NodeProcess, type StaffSession, sendJson } from './node-process.ts';

const DAY_MS = 86_400_000;

export interface ReadingSession {
  /** Where the session's records are: a GET on `<path>/<recordId>` reads one. */
  readonly path: string;
  readonly records: readonly string[];
}

/** A patient claims the slip, grants the laboratory results to hospital B, and a clinician there opens a session. */
export async function openReading(
  node: NodeProcess,
  people: { readonly author: StaffSession; readonly reader: StaffSession; readonly patientId: string },
): Promise<ReadingSession> {
  const { author, reader, patientId } = people;
  const { network } = author.wallet;
  const post = <T>(path: string, body: unknown, token?: string): Promise<T> =>
    sendJson<T>(node.send, {
      method: 'POST',
      path,
      body: JSON.stringify(body),
      ...(token === undefined ? {} : { token }),
    });
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
  const { keys } = await sendJson<{ keys: readonly KeyEnvelope[] }>(node.send, {
    method: 'GET',
    path: `${home}/patient/keys`,
    token,
  });
  const { organisations } = await sendJson<{
    organisations: readonly { organisation: string; hpke: readonly ListedKey[] }[];
  }>(node.send, { method: 'GET', path: '/api/v1/network' });
  const recipients = organisations.find(({ organisation }) => organisation === reader.organisation)?.hpke ?? [];
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
  return { path, records: records.map(({ recordId }) => recordId) };
}

function bodyOf({ call, privateArgs }: PreparedCall): object {
  return { call, ...(privateArgs === null ? {} : { privateArgs }) };
}
