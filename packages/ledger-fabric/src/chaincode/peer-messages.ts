import jspb from 'google-protobuf';

/** Message types of peer/chaincode_shim.proto (`ChaincodeMessage.Type`), those of Fabric 3.1 included. */
export const MESSAGE = {
  registered: 2,
  init: 3,
  ready: 4,
  transaction: 5,
  error: 7,
  response: 13,
  keepalive: 18,
  writeBatch: 24,
  getStateMultiple: 25,
} as const;

const WRITE_PUT = 9;
const WRITE_DELETE = 10;

/** What a peer offers in its READY message (`ChaincodeAdditionalParams`): 0 where it takes one key at a time. */
export type PeerOffers = { readonly writesMax: number; readonly readsMax: number };
export const NO_OFFERS: PeerOffers = { writesMax: 0, readsMax: 0 };

/** Throws on bytes that are no such message. */
export function readOffers(payload: Uint8Array): PeerOffers {
  const reader = new jspb.BinaryReader(payload);
  let [useWrites, writesMax, useReads, readsMax] = [false, 0, false, 0];
  while (reader.nextField()) {
    switch (reader.getFieldNumber()) {
      case 1:
        useWrites = reader.readBool();
        break;
      case 2:
        writesMax = reader.readUint32();
        break;
      case 3:
        useReads = reader.readBool();
        break;
      case 4:
        readsMax = reader.readUint32();
        break;
      default:
        reader.skipField();
    }
  }
  return { writesMax: useWrites ? writesMax : 0, readsMax: useReads ? readsMax : 0 };
}

/** `GetStateMultiple`. */
export function getStateMultiple(keys: readonly string[]): Uint8Array {
  const writer = new jspb.BinaryWriter();
  writer.writeRepeatedString(1, [...keys]);
  return writer.getResultBuffer();
}

/** The values of a `GetStateMultipleResult`; empty bytes for a key without value. */
export function readStateMultiple(payload: Uint8Array): readonly Uint8Array[] {
  const reader = new jspb.BinaryReader(payload);
  const values: Uint8Array[] = [];
  while (reader.nextField()) {
    if (reader.getFieldNumber() === 1) values.push(reader.readBytes());
    else reader.skipField();
  }
  return values;
}

/** `WriteBatchState`; null deletes. */
export function writeBatch(writes: readonly (readonly [key: string, value: Uint8Array | null])[]): Uint8Array {
  const writer = new jspb.BinaryWriter();
  for (const [key, value] of writes) {
    writer.writeMessage(1, key, (_, record) => {
      record.writeString(1, key);
      if (value !== null) record.writeBytes(2, value);
      record.writeEnum(5, value === null ? WRITE_DELETE : WRITE_PUT);
    });
  }
  return writer.getResultBuffer();
}
