import { createPrivateKey, hash, type KeyObject, sign } from 'node:crypto';
import { common, ledger, msp, peer } from '@hyperledger/fabric-protos';
import { createCa, generateSigningKeySync, issueMachineCertificate, toBase64url, toPem } from '@salus/crypto';
import { fabricHeaderBytes } from '@salus/ledger';
import { commitHashOf, updateBytes } from '../src/block/commit-hash.ts';
import { decodeTransaction } from '../src/block/transaction.ts';
import { type ForeignKeyKind, withForeignKey } from './foreign-key.ts';
import { configEnvelope, envelopeOf, NOW_MS } from './orderer-configuration.ts';

const DAY_MS = 86_400_000;
const VALID = 0;
export const MVCC_READ_CONFLICT = 11;

/** An orderer with its identity. */
export type Orderer = {
  readonly id: number;
  readonly mspId: string;
  readonly certificate: string;
  readonly key: KeyObject;
};

/** A transaction of a stored block: what it writes in namespace `salus`, and whether it is valid. */
export type Written = {
  readonly writes: readonly (readonly [key: string, value: string | null])[];
  readonly flag?: number;
};

/** Bytes of a block file as a peer writes them, made without a peer; grows block by block. */
export type StoredChannel = {
  readonly orderers: readonly Orderer[];
  /** Adds a block signed by these orderers (the first one unless told). */
  add(transactions: readonly Written[], signers?: readonly Orderer[]): void;
  /** Adds a block that brings the configuration again, with other orderer organisations where told. */
  configure(organisations?: readonly string[]): void;
  /** An orderer of an organisation, certified by its authority. */
  /** `foreign`: its certificate is over a key of a kind that no orderer has. */
  newOrderer(mspId: string, unit?: 'orderer' | 'peer', foreign?: ForeignKeyKind): Promise<Orderer>;
  bytes(): Buffer;
  /** The offset in `bytes()` of each block. */
  readonly offsets: readonly number[];
};

export async function createStoredChannel(
  consensus: 'raft' | 'bft',
  organisations: readonly string[],
): Promise<StoredChannel> {
  const authorities = new Map(
    await Promise.all(
      organisations.map(async (organisation) => {
        const ca = await createCa({ organisation, nowMs: NOW_MS - DAY_MS, validDays: 365 });
        return [organisation, ca] as const;
      }),
    ),
  );
  let ids = 0;
  const newOrderer: StoredChannel['newOrderer'] = async (mspId, unit = 'orderer', foreign) => {
    ids += 1;
    const id = ids;
    const { publicKey, privateKey } = generateSigningKeySync();
    const ca = authorities.get(mspId)!;
    const certificate = await issueMachineCertificate({
      ca,
      commonName: `${unit}${id}.${mspId}`,
      publicKey,
      notBeforeMs: NOW_MS - 1_000,
      notAfterMs: NOW_MS + DAY_MS,
      use: 'identity',
      unit,
    });
    const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' });
    const der = Buffer.from(certificate, 'base64url');
    const changed = foreign === undefined ? der : withForeignKey(der, ca, foreign);
    return { id, mspId, certificate: toPem('CERTIFICATE', changed.toString('base64url')), key };
  };
  const orderers = await Promise.all(organisations.map((mspId) => newOrderer(mspId)));
  const roots = (names: readonly string[]): ReadonlyMap<string, string> =>
    new Map(names.map((name) => [name, toPem('CERTIFICATE', authorities.get(name)!.certificate)]));
  const configuration = (names: readonly string[]) => configEnvelope(consensus, roots(names), orderers);
  const parts: Buffer[] = [];
  const offsets: number[] = [];
  let previous: { number: number; hash: Buffer; commitHash: Buffer } = {
    number: -1,
    hash: Buffer.alloc(0),
    commitHash: Buffer.alloc(0),
  };
  let configBlock = 0;
  const append = (envelopes: readonly Buffer[], flags: Buffer, signers: readonly Orderer[]): void => {
    const number = previous.number + 1;
    const dataHash = hash('sha256', Buffer.concat(envelopes), 'buffer');
    const facts = { number, previousHash: toBase64url(previous.hash), dataHash: toBase64url(dataHash) };
    const headerBytes = Buffer.from(fabricHeaderBytes(facts));
    const commitHash = number === 0 ? Buffer.alloc(0) : commitHashFor(number, envelopes, flags, previous.commitHash);
    const metadata = [
      signaturesMetadata(configBlock, headerBytes, { signers, consensus }),
      configBlock === 0 ? Buffer.alloc(0) : metadataOf(lastConfigOf(configBlock)),
      flags,
      Buffer.alloc(0),
      number === 0 ? Buffer.alloc(0) : metadataOf(commitHash),
    ];
    const block = Buffer.concat([
      varint(number),
      prefixed(dataHash),
      prefixed(previous.hash),
      varint(envelopes.length),
      ...envelopes.map(prefixed),
      varint(metadata.length),
      ...metadata.map(prefixed),
    ]);
    offsets.push(parts.reduce((sum, part) => sum + part.length, 0));
    parts.push(prefixed(block));
    previous = { number, hash: hash('sha256', headerBytes, 'buffer'), commitHash };
  };
  append([configuration(organisations)], Buffer.of(VALID), []);
  return {
    orderers,
    newOrderer,
    offsets,
    add: (transactions, signers = orderers.slice(0, 1)) => {
      const number = previous.number + 1;
      const envelopes = transactions.map((written, at) => endorsedEnvelope(`${number}-${at}`, written));
      append(envelopes, Buffer.from(transactions.map(({ flag = VALID }) => flag)), signers);
    },
    configure: (names = organisations) => {
      configBlock = previous.number + 1;
      const signers = consensus === 'raft' ? orderers.slice(0, 1) : orderers;
      append([configuration(names)], Buffer.of(VALID), signers);
    },
    bytes: () => Buffer.concat(parts),
  };
}

function commitHashFor(number: number, envelopes: readonly Buffer[], flags: Buffer, previous: Buffer): Buffer {
  const transactions = envelopes.map((envelope, at) => (flags[at] === VALID ? decodeTransaction(envelope) : undefined));
  const updates = updateBytes(number, transactions)!;
  return Buffer.from(commitHashOf({ validationCodes: flags, updates, previous }));
}

type Signing = { readonly signers: readonly Orderer[]; readonly consensus: 'raft' | 'bft' };

function signaturesMetadata(configBlock: number, headerBytes: Buffer, { signers, consensus }: Signing): Buffer {
  const value = new common.OrdererBlockMetadata();
  value.setLastConfig(lastConfigMessage(configBlock));
  // Consensus writes its own place in the log here; none before the first signed block.
  if (signers.length > 0) value.setConsenterMetadata(Buffer.from('consenter'));
  const valueBytes = Buffer.from(value.serializeBinary());
  const metadata = new common.Metadata();
  metadata.setValue(valueBytes);
  metadata.setSignaturesList(
    signers.map((signer) => {
      const header = consensus === 'raft' ? signatureHeader(signer) : identifierHeader(signer);
      const message = Buffer.concat([valueBytes, header, headerBytes]);
      const signature = new common.MetadataSignature();
      if (consensus === 'raft') signature.setSignatureHeader(header);
      else signature.setIdentifierHeader(header);
      signature.setSignature(sign('sha256', message, signer.key));
      return signature;
    }),
  );
  return Buffer.from(metadata.serializeBinary());
}

function signatureHeader({ mspId, certificate }: Orderer): Buffer {
  const identity = new msp.SerializedIdentity();
  identity.setMspid(mspId);
  identity.setIdBytes(Buffer.from(certificate));
  const header = new common.SignatureHeader();
  header.setCreator(identity.serializeBinary());
  header.setNonce(Buffer.alloc(24, 7));
  return Buffer.from(header.serializeBinary());
}

function identifierHeader({ id }: Orderer): Buffer {
  const header = new common.IdentifierHeader();
  header.setIdentifier(id);
  header.setNonce(Buffer.alloc(24, 7));
  return Buffer.from(header.serializeBinary());
}

function lastConfigMessage(index: number): common.LastConfig {
  const message = new common.LastConfig();
  message.setIndex(index);
  return message;
}

function lastConfigOf(index: number): Buffer {
  return Buffer.from(lastConfigMessage(index).serializeBinary());
}

function metadataOf(value: Uint8Array): Buffer {
  const metadata = new common.Metadata();
  metadata.setValue(value);
  return Buffer.from(metadata.serializeBinary());
}

function endorsedEnvelope(txId: string, { writes }: Written): Buffer {
  const set = new ledger.rwset.kvrwset.KVRWSet();
  set.setWritesList(
    writes.map(([key, value]) => {
      const write = new ledger.rwset.kvrwset.KVWrite();
      write.setKey(key);
      if (value === null) write.setIsDelete(true);
      else write.setValue(Buffer.from(value));
      return write;
    }),
  );
  const namespace = new ledger.rwset.NsReadWriteSet();
  namespace.setNamespace('salus');
  namespace.setRwset(set.serializeBinary());
  const results = new ledger.rwset.TxReadWriteSet();
  results.setNsRwsetList([namespace]);
  const chaincode = new peer.ChaincodeID();
  chaincode.setName('salus');
  const response = new peer.Response();
  response.setStatus(200);
  const action = new peer.ChaincodeAction();
  action.setResults(results.serializeBinary());
  action.setResponse(response);
  action.setChaincodeId(chaincode);
  const answer = new peer.ProposalResponsePayload();
  answer.setExtension$(action.serializeBinary());
  const endorsed = new peer.ChaincodeEndorsedAction();
  endorsed.setProposalResponsePayload(answer.serializeBinary());
  const payload = new peer.ChaincodeActionPayload();
  payload.setAction(endorsed);
  const transactionAction = new peer.TransactionAction();
  transactionAction.setPayload(payload.serializeBinary());
  const transaction = new peer.Transaction();
  transaction.setActionsList([transactionAction]);
  return envelopeOf(common.HeaderType.ENDORSER_TRANSACTION, txId, transaction.serializeBinary());
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

function prefixed(bytes: Uint8Array): Buffer {
  return Buffer.concat([varint(bytes.length), bytes]);
}
