import type { SignedCall } from '@salus/contracts';
import { callId, canonical, kidOf, verifyCall } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { newSigner, newWriter } from '../test/notebook.ts';
import { createPure, type VerifiedSignature, verifyText } from './pure.ts';

async function current(more: Parameters<ReturnType<typeof newWriter>['call']>[2] = {}, writer = newWriter()) {
  const call = await writer.call('write', { pages: [] }, more);
  const id = callId(call.payload as Parameters<typeof callId>[0]);
  const publicKey = writer.signer.publicKey;
  const verified: VerifiedSignature = { callId: id, publicKey, signature: call.signature, valid: true };
  return { call, publicKey, verified, begin: { payload: call.payload, callId: id, signature: call.signature } };
}

describe('the memo of verified signatures', () => {
  it('answers for the very call, key and signature that a worker verified', async () => {
    const { call, publicKey, verified, begin } = await current();
    const pure = createPure();
    for (const valid of [true, false]) {
      pure.begin({ ...begin, verified: { ...verified, valid } });
      expect(pure.verifyCall(call, publicKey)).toBe(valid);
      expect(pure.authenticated).toBe(valid);
    }
    pure.begin(begin);
    expect(pure.authenticated).toBe(false);
    expect(pure.verifyCall(call, publicKey)).toBe(true);
    expect(pure.authenticated).toBe(true);
  });

  it('is never trusted for another key, id or signature', async () => {
    const { call, publicKey, verified, begin } = await current();
    const other = newSigner().publicKey;
    const pure = createPure();
    pure.begin({ ...begin, verified });
    expect(pure.verifyCall(call, other)).toBe(false);
    expect(pure.authenticated).toBe(false);
    for (const wrong of [{ publicKey: other }, { callId: 'B'.repeat(43) }, { signature: 'A'.repeat(86) }]) {
      // The answer says the contrary of the truth, and is ignored.
      pure.begin({ ...begin, verified: { ...verified, ...wrong, valid: false } });
      expect(pure.verifyCall(call, publicKey)).toBe(true);
    }
    for (const wrong of [{ callId: 'B'.repeat(43) }, { signature: 'A'.repeat(86) }]) {
      pure.begin({ ...begin, verified: { ...verified, publicKey: other, ...wrong } });
      expect(pure.verifyCall(call, other)).toBe(false);
    }
  });

  it('says nothing about inner calls and other objects', async () => {
    const outer = await current();
    const inner = await current();
    const pure = createPure();
    pure.begin({ ...outer.begin, verified: outer.verified });
    expect(pure.verifyCall(inner.call, inner.publicKey)).toBe(true);
    expect(pure.verifyCall(inner.call, outer.publicKey)).toBe(false);
    const forged: SignedCall = {
      payload: { ...outer.call.payload, args: { pages: [1] } },
      signature: outer.call.signature,
    };
    expect(pure.verifyCall(forged, outer.publicKey)).toBe(false);
    expect(pure.authenticated).toBe(false);
    expect(pure.callId(forged.payload)).not.toBe(outer.begin.callId);
    expect(pure.callId(outer.call.payload)).toBe(outer.begin.callId);
  });

  it('gives the answers of verifyCall, for signers that name their key too', async () => {
    const pid = 'p'.repeat(22);
    const writer = newWriter();
    const kid = kidOf(writer.signer.publicKey);
    for (const [signer, expected] of [
      [`pid:${pid}/${kid}`, true],
      [`pid:${pid}/${'k'.repeat(22)}`, false],
      [`claim:${pid}`, true],
    ] as const) {
      const { call, publicKey, verified, begin } = await current({ signer }, writer);
      const pure = createPure();
      pure.begin({ ...begin, verified });
      expect(pure.verifyCall(call, publicKey), signer).toBe(expected);
      expect(verifyCall(call as Parameters<typeof verifyCall>[0], publicKey), signer).toBe(expected);
    }
  });
});

describe('signatures over text', () => {
  it('are refused in any other encoding than the one that was made', async () => {
    const { call, publicKey } = await current();
    const text = canonical(call.payload as never);
    expect(verifyText(publicKey, text, call.signature)).toBe(true);
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const other = last[last.indexOf(call.signature[85]!) + 1]!;
    for (const signature of [`${call.signature}=`, call.signature.slice(0, 85) + other, '', `${call.signature}A`]) {
      expect(verifyText(publicKey, text, signature), signature).toBe(false);
    }
    expect(verifyText(publicKey, `${text} `, call.signature)).toBe(false);
    expect(verifyText(publicKey, '\ud800', call.signature)).toBe(false);
    expect(verifyText('', text, call.signature)).toBe(false);
  });

  it('that were valid are remembered for the very same text, key and signature', async () => {
    const { call, publicKey } = await current();
    const another = await current();
    const text = canonical(call.payload as never);
    const { verifySignature } = createPure();
    for (const _time of [1, 2]) {
      expect(verifySignature(publicKey, text, another.call.signature)).toBe(false);
      expect(verifySignature(another.publicKey, text, call.signature)).toBe(false);
      expect(verifySignature(publicKey, `${text} `, call.signature)).toBe(false);
      expect(verifySignature(publicKey, text, call.signature)).toBe(true);
    }
    const otherText = canonical(another.call.payload as never);
    expect(verifySignature(another.publicKey, otherText, another.call.signature)).toBe(true);
    expect(verifySignature(publicKey, text, call.signature)).toBe(true);
  });
});
