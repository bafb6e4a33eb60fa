export {
  type Bytes,
  concatBytes,
  equalBytes,
  fromBase64url,
  fromUtf8,
  randomBytes,
  toBase64url,
  utf8,
} from './bytes.ts';
export {
  canonical,
  canonicalBytes,
  isInteger53,
  type Json,
  type JsonLimits,
  parseJson,
} from './canonical-json.ts';
export { CryptoError, type CryptoErrorCode } from './crypto-error.ts';
export { hashTuple, hashTupleBytes, hkdfSha256, hmacSha256, sha256 } from './hash.ts';
export {
  type Consistency,
  consistencyProof,
  emptyRoot,
  type Inclusion,
  inclusionProof,
  leafHash,
  type MerkleHash,
  merkleRoot,
  type NodeSource,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';
export { MerkleLog, type MerkleLogOptions, type MerkleLogState, type MerkleNode } from './merkle-log.ts';
export {
  deriveSigningKey,
  generateSigningKey,
  generateSigningKeySync,
  isPublicKey,
  kidOf,
  type Signer,
  type SigningKey,
  type SyncSigner,
  signerFromCryptoKey,
  signerFromPkcs8,
  verifyEs256,
} from './signature.ts';
export {
  type CallPayload,
  callId,
  callText,
  newNonce,
  parseSignedCall,
  privateHash,
  type SignedCall,
  signCall,
  verifyCall,
} from './signed-call.ts';
