import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Consenter, createGenesisBlock, type OrganisationDefinition, readOrganisation } from '../channel/index.ts';
import type { Consortium, Organisation } from '../consortium/consortium.ts';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { writeIfChanged } from '../write-file.ts';

export interface GenesisInput {
  readonly layout: NetworkLayout;
  readonly consortium: Consortium;
  readonly nowMs: number;
}

/**
 * The channel's genesis block: the one in the directory, else made now from every organisation's public part. It is made once,
 * on one host: two blocks would be two channels. Throws NetworkError `not-found` where an organisation's part is missing.
 */
export function ensureGenesisBlock({ layout, consortium, nowMs }: GenesisInput): Buffer {
  if (existsSync(layout.genesisBlock)) return readFileSync(layout.genesisBlock);
  const { channel, organisations } = consortium;
  const missing = organisations.filter(({ slug }) => !existsSync(layout.organisation(slug).msp));
  if (missing.length > 0) {
    throw new NetworkError(
      'not-found',
      `The genesis block needs the public part of every organisation; missing: ${missing.map(({ slug }) => slug).join(', ')}.`,
    );
  }
  const block = createGenesisBlock({
    channel: channel.name,
    consensus: channel.consensus,
    organisations: organisations.map((organisation) => definitionOf(layout, organisation)),
    consenters: consentersOf(layout, organisations),
    batch: { timeoutMs: channel.batchTimeoutMs, maxCount: channel.batchCountMax },
    createdMs: nowMs,
  });
  writeIfChanged(layout.genesisBlock, block);
  return block;
}

/** What the channel configuration holds of an organisation. */
export function definitionOf(layout: NetworkLayout, organisation: Organisation): OrganisationDefinition {
  const { slug, host, peers, orderers } = organisation;
  return readOrganisation(slug, layout.organisation(slug).msp, {
    anchorPeers: peers.map(({ port }) => ({ host, port })),
    ordererEndpoints: orderers.map(({ port }) => `${host}:${port}`),
  });
}

/** The orderers in the order of consortium.yaml, numbered from 1. */
function consentersOf(layout: NetworkLayout, organisations: readonly Organisation[]): readonly Consenter[] {
  return organisations
    .flatMap((organisation) => organisation.orderers.map((orderer) => ({ organisation, orderer })))
    .map(({ organisation, orderer }, index) => consenterOf(layout, organisation, { ...orderer, id: index + 1 }));
}

export function consenterOf(
  layout: NetworkLayout,
  { slug, host }: Organisation,
  { id, name, port }: { readonly id: number; readonly name: string; readonly port: number },
): Consenter {
  const { msp, tls } = layout.organisation(slug).orderer(name);
  const certificate = readFileSync(tls.certificate, 'utf8');
  return {
    id,
    host,
    port,
    mspId: slug,
    identity: readFileSync(join(msp, 'signcerts', 'cert.pem'), 'utf8'),
    clientTlsCertificate: certificate,
    serverTlsCertificate: certificate,
  };
}
