export {
  AEAD_TAG_BYTES,
  KEY_BYTES,
  OBJECT_OVERHEAD_BYTES,
  openObject,
  sealObject,
  unwrapKey,
  wrapKey,
} from './aead.ts';
export {
  AUTHENTICITY_LICENCE_MAX,
  AUTHENTICITY_NAME_MAX,
  AUTHENTICITY_UNIT,
  type AuthenticityFacts,
  authenticityQrText,
  findAuthenticityQr,
  issueAuthenticityCertificate,
  verifyAuthenticity,
} from './authenticity.ts';
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
export {
  type CertificateFacts,
  type CertificateInput,
  type MemberKind,
  toPem,
  verifyCertificate,
} from './certificate.ts';
export {
  type CertificateAuthority,
  type CertificateRequest,
  createCa,
  issueCertificate,
  newSerial,
  renew,
} from './certificate-authority.ts';
export { createCsr, type ParsedCsr, parseCsr } from './certificate-request.ts';
export {
  ATTACHMENT_BYTES_MAX,
  type ByteSource,
  CHUNK_BYTES,
  type ChunkAt,
  type ChunkedContext,
  chunkedLayout,
  chunkedSize,
  openChunkAt,
  openChunks,
  sealChunks,
} from './chunked.ts';
export { CryptoError, type CryptoErrorCode } from './crypto-error.ts';
export { hashTuple, hashTupleBytes, hkdfSha256, hmacSha256, sha256, sha256Base64url } from './hash.ts';
export {
  deriveHpkeKey,
  type ExtractableHpkeKey,
  generateHpkeKey,
  HPKE_PLAINTEXT_BYTES_MAX,
  type HpkeKey,
  type HpkePrivateKey,
  openHpke,
  parseSealedEnvelope,
  type SealedEnvelope,
  sealHpke,
} from './hpke.ts';
export { issueMachineCertificate, type MachineCertificateInput, type MachineUnit } from './machine-certificate.ts';
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
  type Argon2Cost,
  openPasswordBox,
  PASSWORD_COST,
  PASSWORD_COST_MIN,
  sealPasswordBox,
} from './password-box.ts';
export { createCrl, findRevokedSerials, type RevokedCertificate } from './revocation-list.ts';
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
