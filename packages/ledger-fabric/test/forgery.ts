import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Proposal, Transaction } from '@hyperledger/fabric-gateway';
import type { Json } from '@salus/contracts';
import { createConsortium, newPatient } from '@salus/ledger/consortium';
import type { TestNetwork } from '@salus/network';
import { type FabricConnection, readFabricConnection } from '../src/connection-file.ts';
import { readFabricIdentity } from '../src/gateway/fabric-identity.ts';
import { openPeer } from '../src/gateway/own-peers.ts';
import { gatheredText, parseGathered, SUBMIT_FUNCTION } from '../src/wire.ts';

/** A peer finds the service that took its chaincode's place within its own time. */
const ENDORSE_ATTEMPTS_MAX = 240;
const ENDORSE_INTERVAL_MS = 250;

/** Puts the doctored service in the place of an organisation's own, under the same package and with the same keys. */
export async function doctor(
  network: Pick<TestNetwork, 'processes' | 'kill'>,
  organisation: string,
): Promise<ChildProcess> {
  const own = network.processes().find(({ name }) => name === `${organisation}-chaincode`)!;
  await network.kill(own.name);
  const program = fileURLToPath(new URL('doctored-chaincode.ts', import.meta.url));
  const child = spawn(process.execPath, [program], {
    cwd: own.workingDirectory,
    env: { PATH: process.env.PATH, ...own.environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the doctored chaincode of ${organisation} does not serve`);
  });
  await Promise.race([once(child.stdout, 'data'), ended]);
  // From here on its end is the test's own doing.
  ended.catch(() => undefined);
  return child;
}

/** What the peers of two organisations that cheat have made of a fact; `code` 0: Fabric takes it. */
export interface Forged {
  readonly txId: string;
  readonly callId: string;
  readonly code: number;
}

/**
 * Brings a fact onto the channel by a "call" that no contract knows and nobody signed, in the way of a node that cheats: through
 * its own peer, endorsed by these organisations alone.
 */
export async function forge(
  connectionFile: string,
  endorsers: readonly string[],
  [key, fact]: readonly [key: string, fact: Json],
): Promise<Forged> {
  const connection = readFabricConnection(connectionFile);
  const argument = await forgedArgument(connection, [key, fact]);
  const { client, gateway } = openPeer(connection.peers[0], readFabricIdentity(connection));
  try {
    const contract = gateway.getNetwork(connection.channel).getContract(connection.chaincode);
    const proposal = contract.newProposal(SUBMIT_FUNCTION, {
      arguments: [argument],
      endorsingOrganizations: [...endorsers],
    });
    const submitted = await (await endorsed(proposal)).submit();
    const { code } = await submitted.getStatus();
    const [gathered] = parseGathered(Buffer.from(argument));
    return { txId: proposal.getTransactionId(), callId: gathered!.callId, code };
  } finally {
    gateway.close();
    client.close();
  }
}

async function forgedArgument(
  { network }: FabricConnection,
  write: readonly [key: string, fact: Json],
): Promise<string> {
  const consortium = await createConsortium({ network, nowMs: Date.now });
  const content = { transaction: 'consent.forge', args: { writes: [write] } };
  const { call } = await consortium.sign({ ...content, by: newPatient().device });
  return gatheredText([call]);
}

async function endorsed(proposal: Proposal): Promise<Transaction> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await proposal.endorse();
    } catch (error) {
      if (attempt >= ENDORSE_ATTEMPTS_MAX) throw error;
      await sleep(ENDORSE_INTERVAL_MS);
    }
  }
}
