import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demonstrationFile } from './demonstration-file.ts';
import { parseConsortium } from './parse-consortium.ts';
import { removeOrganisation, writeNetworkId } from './write-consortium.ts';

const NETWORK = 'AAAAAAAAAAAAAAAAAAAAAA';
let folder = '';
let file = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-consortium-'));
  file = join(folder, 'consortium.yaml');
  copyFileSync(demonstrationFile, file);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('changes that commands write into consortium.yaml', () => {
  it('put the network’s id after the version, once, and keep the comments', () => {
    writeNetworkId(file, NETWORK);
    writeNetworkId(file, NETWORK);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain(`version: salus:consortium:v1\nnetwork: ${NETWORK}\nchannel:`);
    expect(text).toContain('# A transaction is valid when this many organisations endorsed it.');
    expect(parseConsortium(text)).toMatchObject({ network: NETWORK, organisations: { length: 4 } });
  });

  it('take an organisation out and leave the others as they were', () => {
    const before = parseConsortium(readFileSync(file, 'utf8'));
    expect(removeOrganisation(file, 'pharmacy')).toBe(true);
    expect(removeOrganisation(file, 'pharmacy')).toBe(false);
    const after = parseConsortium(readFileSync(file, 'utf8'));
    expect(after.organisations).toEqual(before.organisations.slice(0, 3));
  });
});
