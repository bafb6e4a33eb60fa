import { status } from '@grpc/grpc-js';
import { GatewayError } from '@hyperledger/fabric-gateway';
import { type Failure, findFailure } from '../wire.ts';

/** What went wrong on the way to the peers, and with whom; everything but `answered` may be tried again. */
export type GatewayFault =
  /** The own chaincode said why it endorses nothing. */
  | { readonly kind: 'answered'; readonly failure: Failure }
  /** These organisations gave no endorsement, or one of another state than ours. */
  | { readonly kind: 'others'; readonly organisations: readonly string[] }
  /** Two endorsers answered from different states: one has not yet applied a block that the other has. */
  | { readonly kind: 'mismatch' }
  /** The own peer, its chaincode or the orderers were not reached, or said that they are not ready. */
  | { readonly kind: 'unreachable' };

/** How the gateway service of a peer repeats a chaincode's message (internal/pkg/gateway/apiutils.go). */
const CHAINCODE_ANSWER = /^chaincode response \d{3}, /;
/** internal/pkg/gateway/registry.go. */
const NO_PEERS = /failed to find any endorsing peers for org\(s\): (?<organisations>[a-z0-9-]+(?:, [a-z0-9-]+)*)/;
/** internal/pkg/gateway/endorsement.go. */
const MISMATCH = 'ProposalResponsePayloads do not match';

/**
 * Reads the error of an endorsement of `count` calls that was asked of `endorsers`. What is no `GatewayError` is a fault of this
 * program and thrown.
 */
export function readEndorseError(
  error: unknown,
  { count, own, endorsers }: { readonly count: number; readonly own: string; readonly endorsers: readonly string[] },
): GatewayFault {
  if (!(error instanceof GatewayError)) throw error;
  const answers = error.details.map(({ mspId, message }) => ({
    mspId,
    message,
    failure: findFailure(message.replace(CHAINCODE_ANSWER, ''), count),
  }));
  const answer = answers.find(({ mspId }) => mspId === own)?.failure;
  if (answer !== undefined) return { kind: 'answered', failure: answer };
  // Another chaincode refuses what ours takes: it has not yet seen a block that ours has, or the other way round.
  if (answers.some(({ message, failure }) => message === MISMATCH || failure?.kind === 'rejected')) {
    return { kind: 'mismatch' };
  }
  if (error.code === status.DEADLINE_EXCEEDED) {
    return { kind: 'others', organisations: endorsers.filter((endorser) => endorser !== own) };
  }
  const named = error.details.map(({ mspId }) => mspId);
  const absent = NO_PEERS.exec(error.message)?.groups?.organisations?.split(', ') ?? [];
  const others = [...new Set([...named, ...absent])].filter((organisation) => organisation !== own);
  // An own peer that is not ready says so beside the others; then the others are not to blame.
  if (others.length > 0 && !named.includes(own) && !absent.includes(own)) {
    return { kind: 'others', organisations: others };
  }
  return { kind: 'unreachable' };
}

/** Whether the peer or the orderers may take the same transaction later; what is no `GatewayError` is thrown. */
export function isTransientOrderError(error: unknown): boolean {
  if (!(error instanceof GatewayError)) throw error;
  switch (error.code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.FAILED_PRECONDITION:
    case status.CANCELLED:
    case status.UNKNOWN:
    case status.RESOURCE_EXHAUSTED:
      return true;
    default:
      return false;
  }
}

/** A sentence for people: the gRPC status and who is concerned, never what they said of the calls. */
export function describeGatewayError(error: unknown): string {
  if (!(error instanceof GatewayError)) return 'no answer';
  const named = [...new Set(error.details.map(({ mspId }) => mspId))].filter((mspId) => mspId !== '');
  return `${status[error.code]}${named.length > 0 ? ` from ${named.join(', ')}` : ''}`;
}
