import type { Json } from '@salus/contracts';
import { utf8 } from '@salus/crypto';
import { type Consortium, newPatient, type Patient } from '@salus/ledger/consortium';
import type { Proposed } from './envelopes.ts';
import { CHAINCODE, type TestChannel } from './test-channel.ts';

/** A patient of the first organisation who has claimed the pid. */
export async function claimedPatient(channel: TestChannel, consortium: Consortium): Promise<Patient> {
  const patient = newPatient();
  channel.add({ proposed: await channel.propose([await consortium.register(patient)]) });
  channel.add({ proposed: await channel.propose([await consortium.claim(patient)]) });
  return patient;
}

/** The same transaction with other writes in the chaincode's namespace. */
export function withWrites(proposed: Proposed, change: (writes: Map<string, Uint8Array | null>) => void): Proposed {
  const writes = new Map(proposed.writes[CHAINCODE]);
  change(writes);
  return { ...proposed, writes: { ...proposed.writes, [CHAINCODE]: writes } };
}

export function keysOf(proposed: Proposed): readonly string[] {
  return [...(proposed.writes[CHAINCODE] ?? new Map<string, Uint8Array | null>()).keys()].sort();
}

/** The same transaction with another text in its argument. */
export function withArgument(proposed: Proposed, change: (text: string) => string): Proposed {
  const [name, argument] = proposed.args;
  return { ...proposed, args: [name!, utf8(change(Buffer.from(argument!).toString('utf8')))] };
}

export function bytesOf(value: Json): Uint8Array {
  return utf8(JSON.stringify(value));
}
