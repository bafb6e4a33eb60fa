import {
  type CertificateFacts,
  execute,
  type Host,
  type Json,
  type Outcome,
  type PatientFact,
  type PrivateArgs,
  patientKey,
  type SignedCall,
} from '@salus/contracts';
import {
  callId,
  canonical,
  fromBase64url,
  hashTuple,
  isPublicKey,
  kidOf,
  utf8,
  verifyCall,
  verifyConsistency,
  verifyEs256,
  verifyInclusion,
} from '@salus/crypto';
import type { PreparedCall } from '../src/calls.ts';

export const NETWORK = 'AAAAAAAAAAAAAAAAAAAAAA';
export const START_MS = 1_795_251_600_000;

/** The contracts over a map, so that what the wallet signs meets the rules that judge it. */
export interface MemoryLedger {
  readonly state: Map<string, Json>;
  submit(prepared: PreparedCall, nowMs?: number): Promise<Outcome>;
}

/** A network whose organisations have the HPKE keys given; no certificate is needed for what patients sign. */
export function memoryLedger(hpkeKeys: Readonly<Record<string, readonly string[]>>): MemoryLedger {
  const organisations = Object.keys(hpkeKeys).sort();
  const founder = organisations[0] ?? 'nobody';
  const state = new Map<string, Json>([
    ['membership/network', { network: NETWORK, founder, foundedMs: START_MS, organisations }],
  ]);
  for (const [organisation, keys] of Object.entries(hpkeKeys)) {
    const hpke = keys.map((publicKey) => ({
      kid: kidOf(publicKey),
      publicKey,
      holder: 'organisation',
      fromMs: START_MS,
      untilMs: null,
    }));
    state.set(`membership/roots/${organisation}`, { organisation, status: 'active', ca: [], hpke });
    state.set(`membership/revoked/${organisation}`, []);
  }
  return { state, submit: (prepared, nowMs = START_MS) => submit(state, prepared, nowMs) };
}

/** Registers an unclaimed pid, as its organisation's node would. */
export function register(
  ledger: MemoryLedger,
  { pid, organisation, claimKey }: { readonly pid: string; readonly organisation: string; readonly claimKey: string },
): void {
  const fact: PatientFact = {
    pid,
    organisation,
    status: 'unclaimed',
    registeredMs: START_MS,
    sequence: 0,
    claimKey,
    claimNotAfterMs: START_MS + 86_400_000,
    devices: [],
  };
  ledger.state.set(patientKey(pid), { ...fact } as Json);
}

async function submit(state: Map<string, Json>, { call, privateArgs }: PreparedCall, nowMs: number): Promise<Outcome> {
  const outcome = await execute(hostOf(state), {
    call,
    privateArgs: (privateArgs ?? undefined) as PrivateArgs | undefined,
    timestampMs: nowMs,
    mode: 'full',
  });
  if (outcome.kind === 'committed') {
    for (const [key, value] of outcome.writes) {
      if (value === null) state.delete(key);
      else state.set(key, value);
    }
  }
  return outcome;
}

function hostOf(state: Map<string, Json>): Host {
  return {
    network: NETWORK,
    get: (key) => state.get(key),
    range: (start, end, limit) =>
      [...state]
        .filter(([key]) => key >= start && key < end)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .slice(0, limit)
        .map(([key, value]) => ({ key, value })),
    pure: {
      canonical,
      hashTuple,
      kidOf,
      isPublicKey,
      callId: (payload) => callId(payload as Parameters<typeof callId>[0]),
      verifyCall: (call: SignedCall, publicKey) => verifyCall(call as Parameters<typeof verifyCall>[0], publicKey),
      verifySignature: (publicKey, message, signature) =>
        verifyEs256(publicKey, utf8(message), fromBase64url(signature)),
      verifyCertificate: async (): Promise<CertificateFacts | undefined> => undefined,
      verifyInclusion,
      verifyConsistency,
    },
  };
}
