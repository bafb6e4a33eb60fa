import type { Json, Write } from '@salus/contracts';
import { canonical, inclusionProof, merkleRoot, type SyncSigner, toBase64url, utf8 } from '@salus/crypto';
import {
  bodyText,
  committedText,
  type EmbeddedBlockHeader,
  hashHeaderText,
  nextCommitment,
  parseBody,
  rootOf,
  textLeaf,
  writesText,
} from '@salus/ledger/block';
import { type EmbeddedBlock, writesLeafOf } from '../src/migration/import-pieces.ts';
import type { ImportPiece } from '../src/migration/import-wire.ts';

/** A block with other bodies, sealed by the ledger's own key: a forger who has it. */
export function reseal(
  signer: SyncSigner,
  { block, before: previous }: { readonly block: EmbeddedBlock; readonly before: EmbeddedBlock },
  { bodies, more = {} }: { readonly bodies: readonly string[]; readonly more?: Partial<EmbeddedBlockHeader> },
): EmbeddedBlock {
  const old = JSON.parse(block.header) as EmbeddedBlockHeader;
  const before = JSON.parse(previous.header) as EmbeddedBlockHeader;
  const writesRoot = rootOf(bodies.map(writesLeafOf));
  const header: EmbeddedBlockHeader = {
    ...old,
    count: bodies.length,
    transactionsRoot: rootOf(bodies.map(textLeaf)),
    writesRoot,
    stateCommitment: nextCommitment(before.stateCommitment, writesRoot),
    ...more,
  };
  const text = canonical(header as unknown as Json);
  const signature = toBase64url(signer.signSync(utf8(hashHeaderText(text))));
  return { header: text, signature, bodies };
}

/** The stored text of a call that claims to have written something. */
export function forgedBody(
  body: string,
  changes: { readonly signature?: string; readonly writes?: readonly Write[] },
): string {
  const { call, outcome, timestampMs } = parseBody(body);
  if (outcome.kind !== 'committed') throw new Error('a forged body starts from a committed one');
  const writes = changes.writes ?? outcome.writes;
  return bodyText({
    payloadText: canonical(call.payload as unknown as Json),
    signature: changes.signature ?? call.signature,
    outcomeText: committedText({
      result: outcome.result,
      events: outcome.events as unknown as Json,
      writesText: writesText(writes.map(([key, value]) => [key, value === null ? null : canonical(value)])),
    }),
    timestampMs,
  });
}

/** A block in parts of 2^level calls, however many would fit. */
export function partsOf({ header, signature, bodies }: EmbeddedBlock, level: number): readonly ImportPiece[] {
  const size = 2 ** level;
  const parts = Array.from({ length: Math.ceil(bodies.length / size) }, (_, index) =>
    bodies.slice(index * size, (index + 1) * size),
  );
  const roots = (leafOf: (text: string) => Uint8Array) => parts.map((part) => merkleRoot(part.map(leafOf)));
  const [transactions, writes] = [roots(textLeaf), roots(writesLeafOf)];
  return parts.map((part, index) => ({
    header,
    signature,
    level,
    index,
    bodies: part,
    transactionsProof: inclusionProof(transactions, index).map(toBase64url),
    writesProof: inclusionProof(writes, index).map(toBase64url),
  }));
}
