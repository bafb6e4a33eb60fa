/**
 * Why an operation on a consortium failed. The union is closed.
 *
 * - `bad-archive`: an archive of Fabric's programs holds what no release holds, or is not whole.
 * - `bad-certificate`: a certificate of an organisation's own CA is not for the key, role, hosts or authority that it must be.
 * - `bad-consortium`: a consortium.yaml is not what its schema and rules ask; the message names each problem.
 * - `bad-input`: a value from outside breaks its documented shape or bound.
 * - `below-quorum`: too few members signed a channel update; nothing was sent.
 * - `busy`: another command is at work on the same network.
 * - `certificates-missing`: an organisation's own CA has not answered the requests that the message names.
 * - `malformed`: bytes of a peer, an orderer or a file are not what Fabric's protobufs say they are.
 * - `no-change`: the update would change nothing.
 * - `no-fabric`: Fabric's programs are absent or of a version that does not serve; the message says what to do.
 * - `not-found`: the channel, organisation, orderer or file is not there.
 * - `port-taken`: another program listens on a port of the consortium.
 * - `process-ended`: a process could not be started or ended by itself; the message holds the end of its log.
 * - `refused`: a peer or orderer answered, and refused; the message holds its words.
 * - `stale`: a channel update was made for an older configuration than the channel has.
 * - `timeout`: no answer within the bound; the request may or may not have had its effect.
 * - `unavailable`: nobody answers at the address.
 * - `wrong-checksum`: a file's SHA-256 is not the one that was asked for.
 */
export type NetworkErrorCode =
  | 'bad-archive'
  | 'bad-certificate'
  | 'bad-consortium'
  | 'bad-input'
  | 'below-quorum'
  | 'busy'
  | 'certificates-missing'
  | 'malformed'
  | 'no-change'
  | 'no-fabric'
  | 'not-found'
  | 'port-taken'
  | 'process-ended'
  | 'refused'
  | 'stale'
  | 'timeout'
  | 'unavailable'
  | 'wrong-checksum';

/** The only error that this package throws on purpose. Messages never hold keys, tokens or health data. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code: NetworkErrorCode;

  constructor(code: NetworkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
