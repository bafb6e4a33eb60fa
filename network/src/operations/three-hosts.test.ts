import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bundleChaincode } from '@salus/ledger-fabric/bundle';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { importCertificates } from '../certificates/external-certificates.ts';
import { machinesOf } from '../certificates/organisation-material.ts';
import { parseConsortium } from '../consortium/parse-consortium.ts';
import { networkLayout } from '../layout.ts';
import { testConsortium } from '../test-network.ts';
import { downNetwork } from '../up/down-network.ts';
import { type UpInput, type UpReport, upNetwork } from '../up/up-network.ts';
import { exportOrganisation, importOrganisation } from './organisation-card.ts';

/** Another implementation of a CA. */
const program = 'openssl';
const isThere = spawnSync(program, ['version']).status === 0;
const BASE_PORT = 22_200;
const TEST_TIMEOUT_MS = 300_000;
const SLUGS = ['hospital-a', 'hospital-b', 'laboratory'] as const;
const EXTERNAL = 'laboratory';

const binaries = fabricBinaries();

type Slug = (typeof SLUGS)[number];

describe.skipIf(binaries === undefined || !isThere)('three organisations on three hosts, on Fabric', () => {
  let folder = '';

  /** A host's own directory; ports are told apart, for all hosts of the test are one machine. */
  const layoutOf = (slug: Slug) => networkLayout(join(folder, slug));
  const placeOf = (slug: Slug) => {
    const layout = layoutOf(slug);
    return { layout, consortium: parseConsortium(readFileSync(layout.consortium, 'utf8')) };
  };
  const keys = new Map(SLUGS.map((slug) => [slug, new Uint8Array(randomBytes(32))]));

  const up = (slug: Slug): Promise<UpReport> => {
    const input: UpInput = {
      ...placeOf(slug),
      binaries: binaries!,
      masterKeys: new Map([[slug, keys.get(slug)!]]),
      bundle: bundleChaincode,
      nowMs: Date.now,
      only: slug,
    };
    return upNetwork(input);
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'salus-hosts-'));
    const consortium = testConsortium({ basePort: BASE_PORT, organisations: SLUGS, orderers: 3 }) as {
      readonly organisations: readonly { readonly slug: string; certificates?: string }[];
    };
    consortium.organisations.find(({ slug }) => slug === EXTERNAL)!.certificates = 'external';
    for (const slug of SLUGS) {
      mkdirSync(layoutOf(slug).directory, { recursive: true });
      writeFileSync(layoutOf(slug).consortium, stringify(consortium));
    }
  });

  afterAll(async () => {
    for (const slug of SLUGS) await downNetwork(layoutOf(slug));
    rmSync(folder, { recursive: true });
  });

  it(
    'make their own keys, exchange their public parts, and need all of them for the genesis block',
    async () => {
      for (const slug of ['hospital-a', 'hospital-b'] as const) {
        await expect(up(slug)).rejects.toMatchObject({
          code: 'not-found',
          message: expect.stringContaining('laboratory'),
        });
      }
      await expect(up(EXTERNAL)).rejects.toMatchObject({ code: 'certificates-missing' });
      await certifyWithOpenssl();
      await expect(up(EXTERNAL)).rejects.toMatchObject({ code: 'not-found' });
      for (const slug of SLUGS) {
        const card = JSON.stringify(exportOrganisation(placeOf(slug), slug));
        expect(card).not.toContain('PRIVATE');
        expect(() => importOrganisation(placeOf(slug), card)).toThrow(/keys of .* are on this host/);
        for (const other of SLUGS.filter((one) => one !== slug)) importOrganisation(placeOf(other), card);
      }
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'start apart from one genesis block, and commit the contracts once a majority has approved them',
    async () => {
      // Alone it has no quorum of orderers: it starts, joins and says so when it asks for the definition.
      const founder = up('hospital-a');
      await untilThere(layoutOf('hospital-a').genesisBlock);
      for (const slug of ['hospital-b', 'laboratory'] as const) {
        const target = layoutOf(slug).genesisBlock;
        mkdirSync(dirname(target), { recursive: true });
        copyFileSync(layoutOf('hospital-a').genesisBlock, target);
      }
      const reports = await Promise.all([founder, up('hospital-b'), up('laboratory')]);
      expect(reports.map(({ started }) => started.length)).toEqual([3, 3, 3]);
      expect(reports.some(({ deployment }) => deployment?.committed === true)).toBe(true);
      for (const slug of SLUGS) {
        expect(readdirSync(join(layoutOf(slug).directory, 'organisations', slug)).sort()).toContain('connection.json');
        const others = SLUGS.filter((one) => one !== slug);
        for (const other of others) {
          expect(existsSync(layoutOf(slug).organisation(other).peer('peer0').folder)).toBe(false);
        }
      }
      const again = await Promise.all(SLUGS.map(up));
      expect(again.map(({ started, joined, installed }) => [started, joined, installed].flat())).toEqual([[], [], []]);
      expect(again.every(({ deployment }) => deployment?.committed === true)).toBe(true);
    },
    TEST_TIMEOUT_MS,
  );

  it('never make keys in the place of an organisation that runs elsewhere', async () => {
    const input = { ...placeOf('hospital-a'), binaries: binaries!, bundle: bundleChaincode, nowMs: Date.now };
    const masterKeys = new Map([['hospital-b', new Uint8Array(32)]]);
    const refused = upNetwork({ ...input, masterKeys, only: 'hospital-b' });
    await expect(refused).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('its own host'),
    });
  });

  /** The laboratory's existing CA: the openssl command, with an authority below its root. */
  async function certifyWithOpenssl(): Promise<void> {
    const openssl = (...args: readonly string[]): string =>
      execFileSync(program, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const usage = 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature\nsubjectKeyIdentifier=hash\n';
    writeFileSync(join(folder, 'ca.ext'), `basicConstraints=critical,CA:TRUE\n${usage}`);
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      'root.key',
      '-out',
      'root.pem',
      '-days',
      '30',
      '-subj',
      '/O=Lab/CN=root',
    );
    openssl('req', ...key, '-keyout', 'ca.key', '-out', 'ca.csr', '-subj', '/O=Lab/CN=machines');
    const below = ['-in', 'ca.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-days', '29'];
    openssl('x509', '-req', ...below, '-extfile', 'ca.ext', '-out', 'ca.pem');
    const { layout, consortium } = placeOf(EXTERNAL);
    const own = layout.organisation(EXTERNAL);
    const requests = join(own.folder, 'requests');
    const answers = readdirSync(requests).map((name) => {
      const from = ['-in', join(requests, name), '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '20'];
      return openssl('x509', '-req', ...from, '-copy_extensions', 'copy');
    });
    const authorities = ['root.pem', 'ca.pem'].map((name) => readFileSync(join(folder, name), 'utf8')).join('');
    const organisation = consortium.organisations.find(({ slug }) => slug === EXTERNAL)!;
    await importCertificates({
      organisation,
      layout: own,
      machines: machinesOf(organisation, own),
      certificates: answers,
      authorities,
      tlsAuthorities: authorities,
      nowMs: Date.now(),
    });
  }

  async function untilThere(file: string): Promise<void> {
    const endMs = Date.now() + TEST_TIMEOUT_MS;
    while (!existsSync(file)) {
      if (Date.now() > endMs) throw new Error(`${file} was not written`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
