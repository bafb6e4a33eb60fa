import {
  ContractError,
  callKey,
  deviceKey,
  type Host,
  identityKey,
  MOVE_KEY,
  NETWORK_KEY,
  parseSigner,
  patientKey,
} from '@salus/contracts';
import { createPure } from '@salus/ledger/pure';
import type { GatheredCall } from '../wire.ts';
import type { Gathered } from './gathered-run.ts';
import { noSignatures, rememberingPure, type VerifiedSignatures } from './verified-signatures.ts';

/**
 * Runs every call at once on the state before all of them, for what that leaves behind: the state that they read comes in a few
 * round trips instead of one for each key, and no signature need be verified again. What it reads follows from the calls and
 * the state alone, so that all endorsers read the same.
 */
export async function warmUp(gathered: Gathered): Promise<VerifiedSignatures> {
  const verified = noSignatures();
  await Promise.all(gathered.calls.map((item) => warmUpOne(gathered, item, verified)));
  return verified;
}

async function warmUpOne(
  { runtime, network, timestampMs, state }: Gathered,
  { call, callId }: GatheredCall,
  verified: VerifiedSignatures,
): Promise<void> {
  const calls = createPure();
  calls.begin({ payload: call.payload, callId, signature: call.signature });
  const host: Host = {
    network,
    onChannel: true,
    pure: {
      ...rememberingPure(calls, verified),
      verifyCall: (signed, publicKey) => {
        const valid = calls.verifyCall(signed, publicKey);
        if (signed === call) verified.calls.set(callId, { callId, publicKey, signature: call.signature, valid });
        return valid;
      },
    },
    get: (key) => state.get(key),
    range: (start, end, limit) => state.range(start, end, limit),
  };
  try {
    await runtime.readPrivateOrganisation(host.get, call.payload);
    await runtime.execute(host, { call, timestampMs, mode: 'public' });
  } catch {
    // A call may rest on those before it, and the state may fail: the run in its turn decides, and meets the same fault.
  }
}

/** Keys that are read for a call whatever it does, as far as its text tells them. */
export function keysOf({ call: { payload }, callId }: GatheredCall): readonly string[] {
  return [MOVE_KEY, NETWORK_KEY, callKey(callId), ...keysOfSigner(payload.signer)];
}

function keysOfSigner(signer: unknown): readonly string[] {
  try {
    const name = parseSigner(String(signer));
    switch (name.kind) {
      case 'id':
        return [identityKey(name.subject)];
      case 'pid':
        return [patientKey(name.subject), deviceKey(name.subject, name.kid)];
      case 'claim':
      case 'recovery':
        return [patientKey(name.subject)];
    }
  } catch (error) {
    // The run itself refuses it.
    if (error instanceof ContractError) return [];
    throw error;
  }
}
