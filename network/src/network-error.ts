/**
 * Why an operation on a consortium failed. The union is closed.
 *
 * - `bad-consortium`: a consortium.yaml is not what its schema and rules ask; the message names each problem.
 * - `bad-input`: a value from outside breaks its documented shape or bound.
 * - `below-quorum`: too few members signed a channel update; nothing was sent.
 * - `busy`: another command is at work on the same network.
 * - `malformed`: bytes of a peer, an orderer or a file are not what Fabric's protobufs say they are.
 * - `no-change`: the update would change nothing.
 * - `not-found`: the channel, organisation, orderer or file is not there.
 * - `port-taken`: another program listens on a port of the consortium.
 * - `process-ended`: a process could not be started or ended by itself; the message holds the end of its log.
 * - `refused`: a peer or orderer answered, and refused; the message holds its words.
 * - `stale`: a channel update was made for an older configuration than the channel has.
 * - `timeout`: no answer within the bound; the request may or may not have had its effect.
 * - `unavailable`: nobody answers at the address.
 */
export type NetworkErrorCode =
  | 'bad-consortium'
  | 'bad-input'
  | 'below-quorum'
  | 'busy'
  | 'malformed'
  | 'no-change'
  | 'not-found'
  | 'port-taken'
  | 'process-ended'
  | 'refused'
  | 'stale'
  | 'timeout'
  | 'unavailable';

/** The only error that this package throws on purpose. Messages never hold keys, tokens or health data. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code: NetworkErrorCode;

  constructor(code: NetworkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
