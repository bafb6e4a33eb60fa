import { canonical, utf8 } from '@salus/crypto';
import { endorse } from '../chaincode/answer.ts';
import type { Answer, Chaincode, Invocation } from '../chaincode/invocation.ts';
import { PeerState } from '../chaincode/peer-state.ts';
import { REJECTED_STATUS } from '../wire.ts';
import { runImport } from './import-run.ts';
import { importedText, importRefusedText } from './import-wire.ts';
import { findTakeOver } from './take-over.ts';

/**
 * The function `import`: the next part of an embedded ledger in, its writes and how far it is out. The calls keep their own times;
 * that of the transaction says nothing. Nothing else is accepted by the channel until `access.migrated` has ended the import.
 */
export async function importBlocks(chaincode: Chaincode, invocation: Invocation): Promise<Answer> {
  const [argument] = invocation.args;
  if (argument === undefined || invocation.args.length !== 1) {
    return refuse(importRefusedText({ code: 'malformed', block: null, index: null }));
  }
  const result = await runImport({
    runtime: chaincode.runtime,
    network: chaincode.configuration.network,
    channel: invocation.channel,
    argument,
    state: new PeerState(invocation.peer),
    takeOver: findTakeOver(chaincode.configuration.folder),
  });
  switch (result.kind) {
    case 'refused':
      return refuse(importRefusedText(result));
    case 'applied':
      await invocation.peer.write(
        result.writes.map(([key, value]) => [key, value === null ? null : utf8(canonical(value))] as const),
      );
      return endorse(importedText(result.progress));
  }
}

function refuse(message: string): Answer {
  return { status: REJECTED_STATUS, message, payload: new Uint8Array(0) };
}
