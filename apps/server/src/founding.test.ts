import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IdentityFact, identityKey, loadMembers } from '@salus/contracts';
import { generateSigningKeySync, randomBytes, signerFromPkcs8, toBase64url } from '@salus/crypto';
import { createEmbeddedLedger } from '@salus/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONSORTIUM } from './demonstration/consortium.ts';
import { foundNetwork } from './founding.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'salus-founding-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function openLedger(name: string) {
  return createEmbeddedLedger({
    file: join(directory, `${name}.sqlite`),
    checkpointFile: join(directory, `${name}.jsonl`),
    network: toBase64url(randomBytes(16)),
    signer: signerFromPkcs8(generateSigningKeySync().privateKey),
    checkpointSigners: () => [],
    clock: Date.now,
  });
}

describe('founding', () => {
  it('brings all organisations in by their administrators’ votes, each with its own authority, node and staff', async () => {
    await using ledger = await openLedger('consortium');
    const founded = await foundNetwork(
      ledger,
      CONSORTIUM.map(({ slug, staff }) => ({ slug, members: staff })),
      Date.now(),
    );
    const members = await loadMembers((key) => ledger.get(key));
    expect(members.active).toEqual(CONSORTIUM.map(({ slug }) => slug).sort());
    expect(members.network?.founder).toBe('hospital-a');
    const authorities = new Set(founded.map(({ authority }) => authority.certificate));
    expect(authorities.size).toBe(CONSORTIUM.length);
    let seen = 0;
    for (const { slug, node, hpke, members: staff } of founded) {
      expect(members.roots(slug)?.hpke.map(({ publicKey }) => publicKey)).toEqual([hpke.publicKey]);
      expect(await ledger.get(identityKey(node.id))).toMatchObject({
        kind: 'node',
        organisation: slug,
        publicKey: node.key.publicKey,
      });
      for (const { id, roles, key } of staff) {
        const identity = (await ledger.get(identityKey(id))) as IdentityFact;
        expect(identity).toMatchObject({
          kind: 'staff',
          organisation: slug,
          publicKey: key.publicKey,
          status: 'active',
        });
        expect([...identity.roles].sort()).toEqual([...roles].sort());
        seen += 1;
      }
    }
    expect(seen).toBe(CONSORTIUM.flatMap(({ staff }) => staff).length);
  });

  it('is refused without an administrator, and on a ledger that was founded before', async () => {
    await using ledger = await openLedger('refusals');
    const plan = (roles: string[]) => [{ slug: 'hospital-a', members: [{ account: 'a', roles }] }];
    await expect(foundNetwork(ledger, plan(['clinician']), Date.now())).rejects.toThrow(/has no administrator/);
    await foundNetwork(ledger, plan(['administrator']), Date.now());
    await expect(foundNetwork(ledger, plan(['administrator']), Date.now())).rejects.toThrow(/already-founded/);
  });
});
