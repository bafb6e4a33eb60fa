import { beforeEach, expect, it, vi } from 'vitest';
import { film } from './film.ts';

type Filming = Parameters<typeof film>[0];

const stopTrack = vi.fn<() => void>();
const stream = { getTracks: () => [{ stop: stopTrack }] } as unknown as MediaStream;
const onFound = vi.fn<(text: string) => void>();
const onFailed = vi.fn<() => void>();
const given: Filming = {
  openCamera: async () => stream,
  show: async () => undefined,
  read: async () => undefined,
  onFound,
  onFailed,
};

beforeEach(() => vi.clearAllMocks());

it('tells the first code that comes before the camera, once, and puts the camera out', async () => {
  const seen = [undefined, undefined, 'code'];
  film({ ...given, read: async () => seen.shift() });
  await expect.poll(() => onFound.mock.calls).toEqual([['code']]);
  expect(stopTrack).toHaveBeenCalledOnce();
  expect(onFailed).not.toHaveBeenCalled();
});

it.each<[string, Partial<Filming>]>([
  ['is refused', { openCamera: () => Promise.reject(new Error('refused')) }],
  ['shows nothing', { show: () => Promise.reject(new Error('no picture')) }],
])('says once that the camera %s', async (_, fault) => {
  film({ ...given, ...fault });
  await expect.poll(() => onFailed.mock.calls).toEqual([[]]);
  expect(onFound).not.toHaveBeenCalled();
});

it('says once that a picture could not be read, also a later one, and puts the camera out', async () => {
  const read = vi.fn<() => Promise<string | undefined>>();
  read.mockResolvedValueOnce(undefined).mockRejectedValue(new Error('no decoder'));
  film({ ...given, read });
  await expect.poll(() => onFailed.mock.calls).toEqual([[]]);
  expect(read).toHaveBeenCalledTimes(2);
  expect(stopTrack).toHaveBeenCalledOnce();
});

it('does not leave on a camera that was allowed after its reader was left', async () => {
  let allow: (stream: MediaStream) => void = () => undefined;
  const openCamera = () => new Promise<MediaStream>((resolve) => (allow = resolve));
  const read = vi.fn<() => Promise<string>>(async () => 'code');
  const stop = film({ ...given, openCamera, read });
  stop();
  allow(stream);
  await expect.poll(() => stopTrack.mock.calls.length).toBeGreaterThan(0);
  expect(read).not.toHaveBeenCalled();
  expect(onFound).not.toHaveBeenCalled();
});
