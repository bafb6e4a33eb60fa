import { CONSORTIUM_VERSION } from './consortium.ts';

const port = {
  type: 'integer',
  minimum: 1,
  maximum: 65_535,
  description: 'a TCP port, an integer from 1 to 65535',
} as const;

const machineName = {
  type: 'string',
  pattern: '^[a-z][a-z0-9-]{0,30}$',
  description: 'a small letter, then up to 30 small letters, digits or dashes',
} as const;

const peer = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'port', 'chaincodePort', 'operationsPort'],
  properties: { name: machineName, port, chaincodePort: port, operationsPort: port },
} as const;

const orderer = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'port', 'adminPort', 'operationsPort'],
  properties: { name: machineName, port, adminPort: port, operationsPort: port },
} as const;

const organisation = {
  type: 'object',
  additionalProperties: false,
  required: ['slug', 'name', 'peers', 'chaincode'],
  properties: {
    slug: {
      type: 'string',
      pattern: '^[a-z][a-z0-9-]{1,31}$',
      description: 'a small letter, then 1 to 31 small letters, digits or dashes (it is the MSP id too)',
    },
    name: {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      description: 'the name that people know, 1 to 200 characters',
    },
    host: {
      type: 'string',
      pattern: '^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\\.[A-Za-z0-9-]{1,63})*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$',
      maxLength: 253,
      default: '127.0.0.1',
      description: 'a DNS name or an IP address without port',
    },
    certificates: {
      enum: ['own', 'external'],
      default: 'own',
      description: 'own (Salus keeps the CA) or external (your CA answers requests)',
    },
    peers: { type: 'array', minItems: 1, maxItems: 8, items: peer, description: 'a list of 1 to 8 peers' },
    orderers: { type: 'array', maxItems: 8, items: orderer, default: [], description: 'a list of up to 8 orderers' },
    chaincode: {
      type: 'object',
      additionalProperties: false,
      required: ['port'],
      properties: { port },
      description: 'the chaincode service: an object with port',
    },
    node: {
      type: 'object',
      additionalProperties: false,
      required: ['port', 'exchangePort'],
      properties: { port, exchangePort: port },
      description: 'the Salus node: an object with port and exchangePort',
    },
  },
} as const;

/** JSON Schema (draft 2020-12) of consortium.yaml. Every `description` completes the sentence "expected …". */
export const consortiumSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'salus:consortium:v1',
  title: 'A Salus consortium on Hyperledger Fabric',
  type: 'object',
  additionalProperties: false,
  required: ['version', 'channel', 'organisations'],
  properties: {
    version: { const: CONSORTIUM_VERSION, description: CONSORTIUM_VERSION },
    network: {
      type: 'string',
      pattern: '^[A-Za-z0-9_-]{21}[AQgw]$',
      description: '16 bytes as base64url (leave it out: the first `up` draws it)',
    },
    channel: {
      type: 'object',
      additionalProperties: false,
      required: ['name', 'consensus'],
      description: 'an object with name and consensus',
      properties: {
        name: {
          type: 'string',
          pattern: '^[a-z][a-z0-9.-]{0,248}$',
          description: 'a Fabric channel name: a small letter, then small letters, digits, dots or dashes',
        },
        consensus: { enum: ['raft', 'bft'], description: 'raft or bft' },
        batchTimeoutMs: {
          type: 'integer',
          minimum: 10,
          maximum: 60_000,
          default: 50,
          description: 'milliseconds, an integer from 10 to 60000',
        },
        batchCountMax: {
          type: 'integer',
          minimum: 1,
          maximum: 10_000,
          default: 500,
          description: 'an integer from 1 to 10000',
        },
        endorsements: {
          type: 'integer',
          minimum: 1,
          maximum: 32,
          default: 2,
          description: 'how many organisations must endorse, an integer from 1 to 32',
        },
      },
    },
    organisations: {
      type: 'array',
      minItems: 1,
      maxItems: 32,
      items: organisation,
      description: 'a list of 1 to 32 organisations',
    },
  },
} as const;
