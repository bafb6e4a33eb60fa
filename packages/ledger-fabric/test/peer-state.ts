import { canonical, utf8 } from '@salus/crypto';
import { readFabricConnection } from '../src/connection-file.ts';
import { readFabricIdentity } from '../src/gateway/fabric-identity.ts';
import { OwnPeers } from '../src/gateway/own-peers.ts';
import { newProposal } from '../src/gateway/proposal.ts';
import { RANGE_FUNCTION } from '../src/wire.ts';

const PAGE = 1_000;

/** The whole world state as the organisation's own peer keeps it, in the form of `worldState`: each value as its stored text. */
export async function readPeerState(connectionFile: string): Promise<readonly string[]> {
  const connection = readFabricConnection(connectionFile);
  const identity = readFabricIdentity(connection);
  using peers = new OwnPeers(connection, identity);
  const lines: string[] = [];
  for (let start = '!'; ; ) {
    const { bytes } = newProposal({
      creator: identity.creator,
      channel: connection.channel,
      chaincode: connection.chaincode,
      args: [RANGE_FUNCTION, start, '~', canonical(PAGE)].map(utf8),
      transient: new Map(),
      endorsers: [connection.organisation],
      timestampMs: Date.now(),
    });
    const page = JSON.parse(Buffer.from(await peers.evaluate(bytes)).toString()) as { key: string; value: string }[];
    lines.push(...page.map(({ key, value }) => `${key} ${value}`));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return lines;
    start = `${last.key}!`;
  }
}
