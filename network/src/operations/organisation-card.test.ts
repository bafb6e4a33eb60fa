import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ensureOrganisationMaterial } from '../certificates/organisation-material.ts';
import { parseConsortium } from '../consortium/parse-consortium.ts';
import { networkLayout } from '../layout.ts';
import { testConsortium } from '../test-network.ts';
import { exportOrganisation, importOrganisation, type OrganisationCard } from './organisation-card.ts';

const SLUG = 'hospital-a';
const consortium = parseConsortium(stringify(testConsortium({ basePort: 31_000, orderers: 1 })));

let folder = '';
let hosts = 0;
let genuine: OrganisationCard;
let forged: OrganisationCard;

const newPlace = () => ({ layout: networkLayout(join(folder, `host${hosts++}`)), consortium });

/** The card of a host that made keys of its own for the organisation. */
async function newCard(): Promise<OrganisationCard> {
  const place = newPlace();
  await ensureOrganisationMaterial({
    organisation: consortium.organisations.find(({ slug }) => slug === SLUG)!,
    layout: place.layout.organisation(SLUG),
    masterKey: new Uint8Array(randomBytes(32)),
    nowMs: Date.now(),
  });
  return exportOrganisation(place, SLUG);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'salus-card-'));
  [genuine, forged] = [await newCard(), await newCard()];
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const fingerprintOf = (card: OrganisationCard) => new X509Certificate(card.msp['cacerts/ca.pem']!).fingerprint256;

describe('an organisation’s public part', () => {
  it('is taken with its authorities’ fingerprints shown, and again without a change', () => {
    const place = newPlace();
    const first = importOrganisation(place, JSON.stringify(genuine));
    expect(first).toMatchObject({ organisation: SLUG, outcome: 'taken' });
    expect(first.fingerprints).toContain(`cacerts/ca.pem ${fingerprintOf(genuine)}`);
    expect(importOrganisation(place, JSON.stringify(genuine))).toEqual({ ...first, outcome: 'unchanged' });
    expect(exportOrganisation(place, SLUG)).toEqual(genuine);
  });

  it('is refused with both fingerprints where another one is here, and changes nothing', () => {
    const place = newPlace();
    importOrganisation(place, JSON.stringify(genuine));
    let message = '';
    try {
      importOrganisation(place, JSON.stringify(forged));
    } catch (error) {
      expect(error).toMatchObject({ code: 'bad-input' });
      message = (error as Error).message;
    }
    expect(message).toContain(`here: cacerts/ca.pem ${fingerprintOf(genuine)}`);
    expect(message).toContain(`in the file: cacerts/ca.pem ${fingerprintOf(forged)}`);
    expect(exportOrganisation(place, SLUG)).toEqual(genuine);
  });

  it('is refused where only an authority is added or an orderer’s certificate is another', () => {
    const place = newPlace();
    importOrganisation(place, JSON.stringify(genuine));
    const added = { ...genuine, msp: { ...genuine.msp, 'cacerts/other.pem': forged.msp['cacerts/ca.pem'] } };
    for (const card of [added, { ...genuine, orderers: forged.orderers }]) {
      expect(() => importOrganisation(place, JSON.stringify(card))).toThrow(
        /Another public part of hospital-a is here/,
      );
    }
    expect(exportOrganisation(place, SLUG)).toEqual(genuine);
  });

  it('is replaced on demand, and no authority of the former part stays', () => {
    const place = newPlace();
    const more = {
      ...genuine.msp,
      'cacerts/more.pem': genuine.msp['tlscacerts/ca.pem'] ?? genuine.msp['cacerts/ca.pem'],
    };
    importOrganisation(place, JSON.stringify({ ...genuine, msp: more }));
    const replaced = importOrganisation(place, JSON.stringify(forged), { replace: true });
    expect(replaced.outcome).toBe('replaced');
    expect(replaced.fingerprints).toContain(`cacerts/ca.pem ${fingerprintOf(forged)}`);
    const { msp } = place.layout.organisation(SLUG);
    expect(readdirSync(join(msp, 'cacerts'))).toEqual(['ca.pem']);
    expect(readFileSync(join(msp, 'cacerts', 'ca.pem'), 'utf8')).toBe(forged.msp['cacerts/ca.pem']);
    expect(exportOrganisation(place, SLUG)).toEqual(forged);
  });

  it('is refused where it holds what is no certificate', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const card = { ...genuine, msp: { ...genuine.msp, 'cacerts/ca.pem': broken } };
    expect(() => importOrganisation(newPlace(), JSON.stringify(card))).toThrow(/holds what is no certificate/);
  });
});
