import { createHash } from 'node:crypto';
import type { Block } from '@salus/ledger';
import { describeLedger, type StartedLedger } from '@salus/ledger/conformance';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { describe, expect } from 'vitest';
import { type FabricPlace, openFabricPlace } from '../test/fabric-place.ts';

import { bundleChaincode } from './bundle.ts';

const binaries = fabricBinaries();
const BASE_PORT = 26_000;

describe.skipIf(binaries === undefined)('the ledger on Fabric', () => {
  describeLedger({
    name: 'Hyperledger Fabric',
    start: async () => {
      const network = await startTestNetwork({ binaries: binaries!, bundle: bundleChaincode, basePort: BASE_PORT });
      return started(network, await openFabricPlace(network, 'hospital-a'));
    },
  });
});

function started(network: TestNetwork, place: FabricPlace): StartedLedger {
  return {
    ledger: place.ledger(),
    hashOf: fabricHash,
    nowMs: Date.now,
    restart: async () => {
      await place.reopen();
      return started(network, place);
    },
    end: async () => {
      expect(place.ledger().alarms()).toEqual([]);
      await place[Symbol.asyncDispose]();
      await network.stop();
    },
  };
}

/** SHA-256 over `SEQUENCE { number INTEGER, previousHash OCTET STRING, dataHash OCTET STRING }` (protoutil/blockutils.go). */
function fabricHash({ header }: Block): string {
  if (header.version !== 'salus:fabric-block:v1') throw new Error('a block of another engine');
  const fields = [integer(header.number), octets(header.previousHash), octets(header.dataHash)];
  const content = Buffer.concat(fields);
  const der = Buffer.concat([Buffer.from([0x30, content.length]), content]);
  return createHash('sha256').update(der).digest('base64url');
}

function octets(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return Buffer.concat([Buffer.from([0x04, bytes.length]), bytes]);
}

function integer(value: number): Buffer {
  const hex = value.toString(16);
  const digits = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  const positive = digits[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits;
  return Buffer.concat([Buffer.from([0x02, positive.length]), positive]);
}
