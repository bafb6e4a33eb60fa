/** Why an operation on a consortium failed: public, closed, listed in docs/CLI.md. */
export const NETWORK_CODES = {
  'bad-archive': 'An archive of Fabric’s programs holds what no release holds, or is not whole.',
  'bad-certificate':
    'A certificate of an organisation’s own CA is not for the key, role, hosts or authority that it must be.',
  'bad-consortium': 'A consortium.yaml is not what its schema and rules ask; the message names each problem.',
  'bad-input': 'A value from outside breaks its documented shape or bound.',
  'below-quorum': 'Too few members signed a channel update; nothing was sent.',
  busy: 'Another command is at work on the same network.',
  'certificates-missing': 'An organisation’s own CA has not answered the requests that the message names.',
  malformed: 'Bytes of a peer, an orderer or a file are not what Fabric’s protobufs say they are.',
  'no-change': 'The update would change nothing.',
  'no-fabric': 'Fabric’s programs are absent or of a version that does not serve; the message says what to do.',
  'not-found': 'The channel, organisation, orderer or file is not there.',
  'port-taken': 'Another program listens on a port of the consortium.',
  'process-ended': 'A process could not be started or ended by itself; the message holds the end of its log.',
  refused: 'A peer or orderer answered, and refused; the message holds its words.',
  stale: 'A channel update was made for an older configuration than the channel has.',
  timeout: 'No answer within the bound; the request may or may not have had its effect.',
  unavailable: 'Nobody answers at the address.',
  'wrong-checksum': 'A file’s SHA-256 is not the one that was asked for.',
} as const satisfies { readonly [code: string]: string };

export type NetworkErrorCode = keyof typeof NETWORK_CODES;

/** The only error that this package throws on purpose. Messages never hold keys, tokens or health data. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code: NetworkErrorCode;

  constructor(code: NetworkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
