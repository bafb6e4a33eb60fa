import type { ContractCode, Execution, Host, Json, Outcome, SignedCall, Write } from '@salus/contracts';
import {
  type CallPayload,
  generateSigningKeySync,
  newNonce,
  privateHash,
  randomBytes,
  type SyncSigner,
  signCall,
  signerFromPkcs8,
  toBase64url,
} from '@salus/crypto';
import type { ContractRuntime } from '../src/contract-runtime.ts';

/**
 * A contract for tests of the engine alone: anybody enrols with a key of their own, and whoever is enrolled writes pages.
 * The consortium's contracts run in the conformance suite.
 */
export const notebook: ContractRuntime = {
  inUse: { version: 'notebook-1', bundleHash: 'A'.repeat(43) },
  execute: (host, execution) => run(host, execution),
  signerKeyHint: (get, call) => {
    const payload = (call as Partial<SignedCall> | undefined)?.payload;
    const own = payload?.signer === undefined ? undefined : get(`key/${payload.signer.slice('id:'.length)}`);
    return own as string | undefined;
  },
};

/** Transactions: `enrol {publicKey}`, `write {pages: [[key, value | null]]}`, `swap {key, from, to}`, `break {}`. */
async function run(host: Host, execution: Execution): Promise<Outcome> {
  const call = execution.call as SignedCall;
  if (typeof call !== 'object' || call === null || typeof call.payload?.args !== 'object') {
    return { kind: 'refused', callId: null, code: 'call-malformed' };
  }
  const { payload } = call;
  const callId = host.pure.callId(payload);
  const refuse = (code: ContractCode): Outcome => ({ kind: 'refused', callId, code });
  if (payload.network !== host.network) return refuse('wrong-network');
  const earlier = (await host.get(`call/${callId}`)) as { readonly result: Json } | undefined;
  if (earlier !== undefined) return { kind: 'repeated', callId, result: earlier.result };
  if (payload.notAfter === null || execution.timestampMs > payload.notAfter) return refuse('not-after-passed');
  const id = payload.signer.slice('id:'.length);
  const args = payload.args as { readonly [name: string]: Json };
  const isEnrolment = payload.transaction === 'enrol';
  const publicKey = isEnrolment ? args.publicKey : await host.get(`key/${id}`);
  if (typeof publicKey !== 'string') return refuse('signer-unknown');
  if (!host.pure.verifyCall(call, publicKey)) return refuse('signature-invalid');
  if (payload.privateHash !== undefined && execution.mode === 'full') {
    const { privateArgs } = execution;
    if (privateArgs === undefined) return refuse('private-missing');
    if (host.pure.hashTuple('private', privateArgs.salt, privateArgs.values) !== payload.privateHash) {
      return refuse('private-mismatch');
    }
  }
  const writes = new Map<string, Json | null>();
  switch (payload.transaction) {
    case 'enrol':
      writes.set(`key/${id}`, publicKey);
      break;
    case 'write':
      for (const [key, value] of args.pages as unknown as readonly Write[]) {
        await host.get(key);
        writes.set(key, value);
      }
      break;
    case 'swap': {
      const key = args.key as string;
      if (host.pure.canonical((await host.get(key)) ?? null) !== host.pure.canonical(args.from!)) {
        return refuse('stale-epoch');
      }
      writes.set(key, args.to!);
      break;
    }
    case 'count': {
      const entries = await host.range(args.start as string, args.end as string, 1000);
      writes.set(
        args.into as string,
        entries.map(({ key }) => key),
      );
      break;
    }
    case 'guess':
      if (execution.mode === 'full' && execution.privateArgs?.values.right !== true) return refuse('holder-mismatch');
      break;
    case 'refused':
      return refuse(args.code as ContractCode);
    case 'break':
      throw new Error('the notebook is broken');
    default:
      return refuse('unknown-transaction');
  }
  const result: Json = { pages: writes.size };
  writes.set(`call/${callId}`, { transaction: `notebook.${payload.transaction}`, result });
  const sorted = [...writes].sort(([left], [right]) => (left < right ? -1 : 1));
  return { kind: 'committed', callId, result, writes: sorted, events: [], signer: payload.signer };
}

export const NETWORK = 'AAAAAAAAAAAAAAAAAAAAAA';
/** Far beyond every clock of the tests. */
const FAR_MS = 9_000_000_000_000;

export type Writer = {
  readonly id: string;
  readonly signer: SyncSigner;
  enrol(): Promise<SignedCall>;
  call(transaction: string, args: { readonly [name: string]: Json }, more?: Partial<CallPayload>): Promise<SignedCall>;
  write(pages: readonly (readonly [string, Json | null])[]): Promise<SignedCall>;
};

export function newSigner(): SyncSigner {
  return signerFromPkcs8(generateSigningKeySync().privateKey);
}

export function newWriter(network = NETWORK): Writer {
  const signer = newSigner();
  const id = toBase64url(randomBytes(16));
  const call: Writer['call'] = async (transaction, args, more = {}) => {
    const payload: CallPayload = {
      version: 'salus:call:v1',
      alg: 'ES256',
      network,
      contract: 'notebook',
      transaction,
      args,
      signer: `id:${id}`,
      nonce: newNonce(),
      notAfter: FAR_MS,
      ...more,
    };
    return (await signCall(payload, signer)) as unknown as SignedCall;
  };
  return {
    id,
    signer,
    call,
    enrol: () => call('enrol', { publicKey: signer.publicKey }),
    write: (pages) => call('write', { pages: pages as unknown as Json }),
  };
}

/** Private arguments with the hash that a call names. */
export function privately(values: { readonly [name: string]: Json }) {
  const salt = toBase64url(randomBytes(32));
  return { privateArgs: { salt, values }, privateHash: privateHash(salt, values) };
}
