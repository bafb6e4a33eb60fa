import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConsortium } from './parse-consortium.ts';

const demonstration = readFileSync(new URL('../../demonstration.yaml', import.meta.url), 'utf8');

/** The demonstration with one text replaced. */
function changed(from: string | RegExp, to: string): string {
  const text = demonstration.replace(from, to);
  expect(text).not.toBe(demonstration);
  return text;
}

function problemOf(text: string): string {
  try {
    parseConsortium(text);
  } catch (error) {
    expect(error).toMatchObject({ name: 'NetworkError', code: 'bad-consortium' });
    return (error as Error).message;
  }
  throw new Error('the consortium was accepted');
}

describe('consortium.yaml', () => {
  it('reads the demonstration, with defaults filled in', () => {
    const { organisations, channel, network } = parseConsortium(demonstration);
    expect(organisations.map(({ slug }) => slug)).toEqual(['hospital-a', 'hospital-b', 'laboratory', 'pharmacy']);
    expect(organisations.flatMap(({ orderers }) => orderers)).toHaveLength(3);
    expect(organisations[3]).toMatchObject({ orderers: [], certificates: 'own', host: '127.0.0.1' });
    expect(channel).toEqual({
      name: 'salus',
      consensus: 'raft',
      endorsements: 2,
      batchTimeoutMs: 50,
      batchCountMax: 500,
    });
    expect(network).toBeUndefined();
  });

  it('names line, place, value and expectation of each problem', () => {
    const text = demonstration.replace('port: 7051,', 'port: 70510,').replace('consensus: raft', 'consensus: paxos');
    const problem = problemOf(text);
    expect(problem).toContain('line 5: channel.consensus is "paxos": expected raft or bft');
    expect(problem).toContain(
      'line 12: organisations[0].peers[0].port is 70510: expected a TCP port, an integer from 1 to 65535',
    );
  });

  it('says what is missing and what is not known', () => {
    const problem = problemOf(demonstration.replace('slug: pharmacy', 'slog: pharmacy'));
    expect(problem).toContain('organisations[3] lacks slug');
    expect(problem).toMatch(/line 33: organisations\[3\]\.slog is not known here: expected one of slug, name, host/);
  });

  it.each<readonly [what: string, from: string | RegExp, to: string, message: RegExp]>([
    ['a slug twice', 'slug: hospital-b', 'slug: hospital-a', /slug is hospital-a twice/],
    [
      'a port twice on one host',
      'port: 7157',
      'port: 7051',
      /gives port 7051 to hospital-b's chaincode, which hospital-a's peer0 has already/,
    ],
    ['a machine twice in one organisation', 'name: orderer0', 'name: peer0', /is peer0 twice in one organisation/],
    ['a consortium without orderers', /( {4}orderers:\n.*\n)/g, '', /run no orderer/],
    ['BFT with three orderers', 'consensus: raft', 'consensus: bft', /is bft with 3 orderers/],
    ['a slug with capitals', 'slug: laboratory', 'slug: LabOrg', /slug is "LabOrg": expected a small letter/],
    ['a channel name with an underscore', 'name: salus', 'name: sa_lus', /Fabric channel name/],
    ['another version', 'consortium:v1', 'consortium:v2', /expected salus:consortium:v1/],
  ])('refuses %s', (_what, from, to, message) => {
    expect(problemOf(changed(from, to))).toMatch(message);
  });

  it('allows one port on two hosts', () => {
    const moved = changed('slug: hospital-b', 'slug: hospital-b\n    host: fabric.hospital-b.example');
    const text = moved.replace('port: 7157', 'port: 7051').replace('port: 7151', 'port: 7157');
    expect(parseConsortium(text).organisations[1]?.host).toBe('fabric.hospital-b.example');
  });

  it('refuses what is no YAML, a key twice, an alias and a file too large', () => {
    expect(problemOf('a: [')).toMatch(/is no consortium/);
    expect(problemOf('version: a\nversion: b')).toMatch(/unique/i);
    expect(problemOf('version: &a salus\nchannel: *a')).toMatch(/alias/i);
    expect(problemOf(`# ${'x'.repeat(1024 * 1024)}`)).toMatch(/larger than/);
    expect(problemOf('')).toMatch(/the document is/);
  });
});
