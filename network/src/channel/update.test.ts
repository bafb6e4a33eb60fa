import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  withBatch,
  withConsenter,
  withOrganisation,
  withoutConsenter,
  withoutOrganisation,
  withPolicyRule,
  withRevocationLists,
} from './changes.ts';
import { type ChannelConfig, rootOf } from './config.ts';
import { computeUpdate } from './delta.ts';
import { type Elements, mapElements } from './elements.ts';
import { createConsenter, createTestChannels, signAll } from './test-member.ts';
import { configAfter, fingerprintOf, parseProposal, proposeUpdate } from './update.ts';

const { hospital, laboratory, pharmacy, research, raft, bft } = await createTestChannels();

const content = (elements: Elements): readonly string[] =>
  [...elements]
    .map(([key, element]) => {
      const bytes =
        element.kind === 'value'
          ? element.message.getValue_asB64()
          : element.kind === 'policy'
            ? Buffer.from(element.message.getPolicy()!.serializeBinary()).toString('base64')
            : '';
      return `${key} ${element.modPolicy} ${bytes}`;
    })
    .sort();

const coded = (code: string): unknown => expect.objectContaining({ code });

describe('an update', () => {
  it('leads exactly to what was asked for, whatever changes are combined', async () => {
    const orderer = await createConsenter(pharmacy, 3);
    const changes: Record<string, (config: ChannelConfig) => ChannelConfig> = {
      joins: (config) => withOrganisation(config, research.definition),
      leaves: (config) => withoutOrganisation(config, 'pharmacy'),
      orders: (config) => withConsenter(config, orderer),
      stops: (config) => withoutConsenter(config, 'laboratory.example:7050'),
      batch: (config) => withBatch(config, { timeoutMs: 77, maxCount: 3 }),
      rule: (config) => withPolicyRule(config, 'Application', 'Admins', 'ALL'),
      root: (config) => withPolicyRule(config, 'Channel', 'Admins', 'ALL'),
      crl: (config) => withRevocationLists(config, 'hospital-a', ['a list']),
    };
    const names = fc.subarray(Object.keys(changes), { minLength: 1 });
    fc.assert(
      fc.property(names, fc.constantFrom('raft', 'bft'), (chosen, kind) => {
        const before = kind === 'raft' ? raft : bft;
        fc.pre(!(chosen.includes('leaves') && chosen.includes('orders')));
        const next = chosen.reduce((config, name) => changes[name]!(config), before);
        const proposal = proposeUpdate(before, next);
        expect(content(mapElements(rootOf(configAfter(before, proposal))))).toEqual(content(mapElements(rootOf(next))));
      }),
      { numRuns: 60 },
    );
  });

  it('writes nothing that stays, and reads what the change rests on', () => {
    const update = computeUpdate(raft, withBatch(raft, { timeoutMs: 77 }));
    expect([...mapElements(update.getWriteSet()!).keys()]).toEqual([
      'group /Channel',
      'group /Channel/Orderer',
      'value /Channel/Orderer/BatchTimeout',
    ]);
    const joins = computeUpdate(raft, withOrganisation(raft, research.definition));
    const read = [...mapElements(joins.getReadSet()!).keys()];
    expect(read).toContain('group /Channel/Application/pharmacy');
    expect(mapElements(joins.getWriteSet()!).get('group /Channel/Application')!.version).toBe(1);
  });

  it('is refused where nothing would change', () => {
    expect(() => proposeUpdate(raft, raft)).toThrow(coded('no-change'));
    expect(() => proposeUpdate(raft, withBatch(raft, {}))).toThrow(coded('no-change'));
  });

  it('has another fingerprint for another change, and keeps it while signatures are added', async () => {
    const proposal = proposeUpdate(raft, withBatch(raft, { timeoutMs: 77 }));
    const other = proposeUpdate(raft, withBatch(raft, { timeoutMs: 78 }));
    expect(fingerprintOf(proposal)).not.toBe(fingerprintOf(other));
    expect(fingerprintOf(await signAll(proposal, hospital, laboratory))).toBe(fingerprintOf(proposal));
  });
});

describe('a proposal from a file', () => {
  it('is read as it was written', async () => {
    const proposal = await signAll(proposeUpdate(raft, withBatch(raft, { timeoutMs: 77 })), hospital);
    expect(parseProposal(JSON.stringify(proposal))).toEqual(proposal);
  });

  it('is refused when it is anything else', () => {
    const proposal = proposeUpdate(raft, withBatch(raft, { timeoutMs: 77 }));
    for (const text of [
      '',
      'null',
      '[]',
      '{}',
      JSON.stringify({ ...proposal, version: 'salus:channel-update:v2' }),
      JSON.stringify({ ...proposal, channel: 'other' }),
      JSON.stringify({ ...proposal, update: '!' }),
      JSON.stringify({ ...proposal, update: '____' }),
      JSON.stringify({ ...proposal, signatures: {} }),
      JSON.stringify({ ...proposal, signatures: [{ header: 'AA' }] }),
      JSON.stringify({
        ...proposal,
        signatures: Array.from({ length: 257 }, () => ({ header: 'AA', signature: 'AA' })),
      }),
      ' '.repeat(5 * 1024 * 1024),
    ]) {
      expect(() => parseProposal(text), text.slice(0, 80)).toThrow(coded('malformed'));
    }
  });
});
