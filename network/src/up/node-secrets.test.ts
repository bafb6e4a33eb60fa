import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Consortium } from '../consortium/consortium.ts';
import { demonstrationFile } from '../consortium/demonstration-file.ts';
import { parseConsortium } from '../consortium/parse-consortium.ts';
import { type NetworkLayout, networkLayout } from '../layout.ts';
import { hasNode, nodeSpec, startNode, type WithNode } from './start-nodes.ts';

let folder = '';
let layout: NetworkLayout;
let consortium: Consortium;
let organisation: WithNode;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-secrets-'));
  layout = networkLayout(join(folder, 'network'));
  consortium = { ...parseConsortium(readFileSync(demonstrationFile, 'utf8')), network: 'n'.repeat(22) };
  organisation = consortium.organisations.find(hasNode)!;
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const inputOf = (masterKeyFile: string, configDirectory = join(folder, 'config')) => ({
  layout,
  consortium,
  program: '/srv/salus/main.ts',
  secrets: { masterKeyFile, configDirectory },
});

describe('what guards a node’s data', () => {
  it('lies outside the network’s directory: the given master keys, and a checkpoint file of its own', () => {
    const { environment } = nodeSpec(inputOf(join(folder, 'keys.json')), organisation);
    expect(environment).toMatchObject({
      SALUS_MASTER_KEY_FILE: join(folder, 'keys.json'),
      SALUS_CHECKPOINT_FILE: join(folder, 'config', 'network', 'n'.repeat(22), organisation.slug, 'checkpoint.jsonl'),
    });
    // A directory whose name begins alike is another one.
    expect(() => nodeSpec(inputOf(join(folder, 'network-keys.json')), organisation)).not.toThrow();
  });

  it('is refused inside it, also by way of a link', () => {
    const refused = { code: 'bad-input', message: expect.stringContaining('lies inside the network') };
    const specOf = (masterKeyFile: string, config?: string) => () =>
      nodeSpec(inputOf(masterKeyFile, config), organisation);
    expect(specOf(join(layout.directory, 'organisations', 'keys.json'))).toThrow(expect.objectContaining(refused));
    mkdirSync(layout.directory);
    symlinkSync(layout.directory, join(folder, 'link'));
    expect(specOf(join(folder, 'link', 'keys.json'))).toThrow(expect.objectContaining(refused));
    expect(specOf(join(folder, 'keys.json'), layout.directory)).toThrow(expect.objectContaining(refused));
  });

  it('is not drawn anew while earlier master keys lie in the node’s own folder', async () => {
    const config = join(layout.organisation(organisation.slug).node.config, 'salus');
    mkdirSync(config, { recursive: true });
    writeFileSync(join(config, 'master-keys.json'), '{}');
    await expect(startNode(inputOf(join(folder, 'keys.json')), organisation)).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('remove it'),
    });
  });
});
