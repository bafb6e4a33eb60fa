import { afterEach, expect, it, vi } from 'vitest';
import { readQrFile } from './read-qr.ts';

const file = new File(['no picture at all'], 'letter.png', { type: 'image/png' });

afterEach(() => vi.unstubAllGlobals());

it('finds no code in a file that is no picture', async () => {
  vi.stubGlobal('createImageBitmap', () => Promise.reject(new DOMException('undecodable', 'InvalidStateError')));
  expect(await readQrFile(file)).toBeUndefined();
});

it('finds no code in a picture that cannot be drawn, and lets go of it', async () => {
  const close = vi.fn<() => void>();
  vi.stubGlobal('createImageBitmap', async () => ({ width: 1, height: 1, close }));
  vi.stubGlobal(
    'OffscreenCanvas',
    class {
      getContext(): never {
        throw new DOMException('too large', 'InvalidStateError');
      }
    },
  );
  expect(await readQrFile(file)).toBeUndefined();
  expect(close).toHaveBeenCalledOnce();
});
