import { verify, type X509Certificate } from 'node:crypto';
import { findCertificate, type OrdererConfig } from './channel-config.ts';
import type { OrdererSignature, SignaturesMetadata } from './orderer-metadata.ts';

/** An authority, what it certified, and so on: longer chains are none of an MSP. */
const CHAIN_MAX = 4;

/** What is wrong with a signature, and where it stands. */
export type SignatureFault = { readonly message: string; readonly offsetBytes: number };

/**
 * Checks every signature of a block against the orderers of the configuration in force, and that they are enough: one on Raft, on
 * BFT a quorum of different consenters. Fabric itself passes over a bad signature beside enough good ones; here each is named,
 * because no orderer writes one. Whether a certificate was revoked or had ended then, the peers decided by their clock.
 */
export function checkSignatures(
  metadata: SignaturesMetadata,
  headerBytes: Uint8Array,
  config: OrdererConfig,
): readonly SignatureFault[] {
  const faults: SignatureFault[] = [];
  const signers = new Set<string>();
  for (const signature of metadata.signatures) {
    const signer = findSigner(signature, config);
    const message = Buffer.concat([metadata.value.bytes, signature.header.bytes, headerBytes]);
    if (typeof signer === 'string') faults.push({ message: signer, offsetBytes: signature.header.offsetBytes });
    else if (!isSigned(message, signer.certificate, signature.signature.bytes)) {
      faults.push({ message: 'an orderer’s signature does not verify', offsetBytes: signature.signature.offsetBytes });
    } else signers.add(signer.name);
  }
  const needed = config.consensus === 'raft' ? 1 : quorumOf(config.consenters.length);
  if (faults.length === 0 && signers.size < needed) {
    const message = `signed by ${signers.size} of the ${needed} orderers that must sign`;
    faults.push({ message, offsetBytes: metadata.value.offsetBytes });
  }
  return faults;
}

/** False as well for a key of a kind that does not sign this way. */
function isSigned(message: Uint8Array, { publicKey }: X509Certificate, signature: Uint8Array): boolean {
  return publicKey.asymmetricKeyType === 'ec' && verify('sha256', message, publicKey, signature);
}

/** Of n orderers f = ⌊(n−1)/3⌋ may lie: ⌈(n+f+1)/2⌉ signatures have an honest majority behind them. */
export function quorumOf(consenters: number): number {
  const faulty = Math.floor((consenters - 1) / 3);
  return Math.ceil((consenters + faulty + 1) / 2);
}

type Signer = { readonly name: string; readonly certificate: X509Certificate };

/** The certificate whose key must verify, or why the signer may not sign. */
function findSigner({ signer }: OrdererSignature, config: OrdererConfig): Signer | string {
  switch (signer.kind) {
    case 'consenter': {
      const found = config.consenters.find(({ id }) => id === signer.id);
      if (found === undefined) return `no consenter of the configuration has the number ${signer.id}`;
      return { name: `consenter ${found.id}`, certificate: found.certificate };
    }
    case 'creator': {
      if (config.consensus === 'bft') return 'a signature does not name its consenter';
      const organisation = config.organisations.get(signer.mspId);
      if (organisation === undefined) return 'the signer is of no orderer organisation';
      const certificate = findCertificate(signer.certificate.bytes);
      if (certificate === undefined) return 'the signer has no certificate';
      if (!leadsTo(certificate, organisation.authorities))
        return 'the signer’s certificate leads to none of its authorities';
      const { ordererUnit } = organisation;
      if (ordererUnit !== undefined && !unitsOf(certificate).includes(ordererUnit)) return 'the signer is no orderer';
      return { name: certificate.fingerprint256, certificate };
    }
  }
}

function leadsTo(certificate: X509Certificate, authorities: readonly X509Certificate[], depth = 1): boolean {
  if (depth > CHAIN_MAX) return false;
  return authorities.some((authority) => {
    if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) return false;
    const isRoot = authority.checkIssued(authority) && authority.verify(authority.publicKey);
    return isRoot || leadsTo(authority, authorities, depth + 1);
  });
}

function unitsOf({ subject }: X509Certificate): readonly string[] {
  return subject
    .split('\n')
    .filter((line) => line.startsWith('OU='))
    .map((line) => line.slice('OU='.length));
}
