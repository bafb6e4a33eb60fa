import { ContractError, grantKey, type PatientFact, patientKey } from '@salus/contracts';
import { generateHpkeKey, kidOf, randomBytes, toBase64url } from '@salus/crypto';
import { claimKeyOf, formatSlip, type PreparedCall, type Slip } from '@salus/wallet';
import { type MemoryLedger, memoryLedger, NETWORK, register, START_MS } from '@salus/wallet/memory-ledger';
import type { ApiClient, ApiRequest } from '../src/api-client.ts';
import { ClientError } from '../src/client-error.ts';
import type { SignedHeader } from '../src/ledger-proofs.ts';

export { NETWORK, START_MS };

/** What may befall one request: it is not done and answered with an error, or done and the answer gets lost. */
export type Fault = { readonly kind: 'refuse'; readonly error: ClientError } | { readonly kind: 'lose' };

/** A node with the contracts over a map, and a wire that a test may disturb. */
export interface PatientNode {
  readonly api: ApiClient;
  readonly ledger: MemoryLedger;
  /** Method and path of all that arrived. */
  readonly arrived: string[];
  /** What it shows of its ledger, from block 0 on; empty until a test says otherwise. */
  readonly blocks: SignedHeader[];
  /** The next request whose method and path end with this suffers it. */
  disturb(ending: string, fault: Fault): void;
  newSlip(organisation: string): { readonly slip: Slip; readonly text: string };
  patient(pid: string): PatientFact;
}

/** What a gateway answers that is no node: no code of any contract. */
export const badGateway = (): ClientError => new ClientError({ relayed: 'refused', status: 502 }, 'Bad gateway.');
export const tooMany = (): ClientError => new ClientError({ relayed: 'too-many-requests', status: 429 }, 'Wait.');
const refused = (code: string, status = 403): ClientError => new ClientError({ relayed: code, status }, code);

export async function patientNode(organisations = ['hospital-a', 'hospital-b']): Promise<PatientNode> {
  const hpke = await Promise.all(organisations.map(async () => (await generateHpkeKey()).publicKey));
  const keys = Object.fromEntries(organisations.map((name, at) => [name, [hpke[at]!]]));
  const ledger = memoryLedger(keys);
  const arrived: string[] = [];
  const blocks: SignedHeader[] = [];
  const faults: { readonly ending: string; readonly fault: Fault }[] = [];
  /** Of each pid, each device's, the newest first. */
  const backups = new Map<string, readonly { readonly kid: string; readonly backup: unknown }[]>();
  const sessions = new Map<string, { readonly pid: string; readonly kid: string }>();
  const patient = (pid: string): PatientFact => ledger.state.get(patientKey(pid)) as unknown as PatientFact;
  const logIn = ({ pid, kid }: { readonly pid: string; readonly kid: string }): object => {
    const { devices, recovery } = patient(pid);
    if (!devices.includes(kid) && (recovery === undefined || kidOf(recovery) !== kid)) {
      throw refused('wrong-credentials', 401);
    }
    const token = toBase64url(randomBytes(16));
    sessions.set(token, { pid, kid });
    return { token };
  };
  const submit = async (prepared: PreparedCall): Promise<object> => {
    const outcome = await ledger.submit(prepared).catch((error: unknown) => {
      throw error instanceof ContractError ? refused(error.code) : error;
    });
    if (outcome.kind === 'refused') throw refused(outcome.code);
    return { callId: outcome.callId, block: 1, index: 0, timestampMs: START_MS, result: outcome.result };
  };
  const answer = async ({ method, path, query, body, token = '' }: ApiRequest): Promise<unknown> => {
    const last = path.slice(path.lastIndexOf('/') + 1);
    const { pid, kid } = sessions.get(token) ?? { pid: '', kid: '' };
    const kept = backups.get(pid) ?? [];
    switch (`${method} ${last}`) {
      case 'GET network':
        return { network: NETWORK, organisations: members(keys) };
      case 'POST challenge':
        return { challenge: toBase64url(randomBytes(32)) };
      case 'POST login':
        return logIn(body as { pid: string; kid: string });
      case 'POST logout':
        return void sessions.delete(token);
      case 'GET state':
        return { value: structuredClone(ledger.state.get(String(query?.key)) ?? null) };
      case 'GET backup':
        return findBackup(kept, String(query?.after ?? ''));
      case 'PUT backup':
        return void backups.set(pid, [
          { kid, backup: (body as { backup: unknown }).backup },
          ...kept.filter((one) => one.kid !== kid),
        ]);
      case 'GET keys':
        return { keys: [] };
      case 'GET checkpoint':
      case 'GET blocks':
        return showLedger(blocks, last, Number(query?.from ?? 0));
      case 'POST calls':
      case 'POST grants':
        return submit(body as { call: PreparedCall['call']; privateArgs: PreparedCall['privateArgs'] });
      case 'POST tokens':
        return undefined;
      case 'POST handed-on':
        if (!ledger.state.has(grantKey(pid, (body as { grant: string }).grant))) throw refused('not-found', 404);
        return undefined;
      default:
        if (path === `/api/v1/ledger/blocks/${last}`) return blocks[Number(last)];
        throw new Error(`this node does not know ${method} ${path}`);
    }
  };
  const api: ApiClient = {
    node: 'http://node',
    at: () => api,
    sendText: () => Promise.reject(new Error('this node answers JSON')),
    send: async <T>(request: ApiRequest): Promise<T> => {
      const name = `${request.method} ${request.path}`;
      arrived.push(name);
      const at = faults.findIndex(({ ending }) => name.endsWith(ending));
      const [{ fault } = { fault: undefined }] = at < 0 ? [] : faults.splice(at, 1);
      if (fault?.kind === 'refuse') throw fault.error;
      const answered = (await answer(JSON.parse(JSON.stringify(request)) as ApiRequest)) as T;
      if (fault?.kind === 'lose') throw new ClientError('answer-cut', 'The answer broke off.');
      return answered;
    },
  };
  const newSlip = (organisation: string): { readonly slip: Slip; readonly text: string } => {
    const slip = { network: NETWORK, organisation, pid: toBase64url(randomBytes(16)), seed: randomBytes(16) };
    register(ledger, { pid: slip.pid, organisation, claimKey: claimKeyOf(slip.seed, slip.pid).publicKey });
    return { slip, text: formatSlip(slip) };
  };
  return { api, ledger, arrived, blocks, disturb: (ending, fault) => faults.push({ ending, fault }), newSlip, patient };
}

/** The newest block is the checkpoint, which nobody signed. */
function showLedger(blocks: readonly SignedHeader[], what: string, from: number): object {
  if (what === 'blocks') return { blocks: blocks.slice(from) };
  const { header, hash } = blocks.at(-1)!;
  return { checkpoint: { network: NETWORK, number: header.number, hash, signatures: [] } };
}

function findBackup(kept: readonly { readonly kid: string; readonly backup: unknown }[], after: string): object {
  const [found, next] = kept.filter(({ kid }) => kid > after).sort((one, other) => (one.kid < other.kid ? -1 : 1));
  if (found === undefined) throw refused('not-found', 404);
  return { backup: found.backup, next: next === undefined ? null : found.kid };
}

function members(keys: Readonly<Record<string, readonly string[]>>): readonly object[] {
  return Object.entries(keys).map(([organisation, hpke]) => ({
    organisation,
    status: 'active',
    hpke: hpke.map((publicKey) => ({
      ...{ kid: kidOf(publicKey), publicKey, holder: 'organisation' },
      ...{ fromMs: START_MS, untilMs: null },
    })),
  }));
}
