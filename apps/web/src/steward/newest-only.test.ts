import { beforeEach, expect, it, vi } from 'vitest';
import { newestOnly } from './newest-only.ts';

const onAnswer = vi.fn<(answer: string) => void>();
const onFailure = vi.fn<(error: unknown) => void>();
let asked: ReturnType<typeof newestOnly<string>>;

beforeEach(() => {
  vi.clearAllMocks();
  asked = newestOnly<string>({ onAnswer, onFailure });
});

/** Asks something whose answer the test gives when it likes. */
function ask(): { answer(text: string): Promise<void>; fail(error: Error): Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  asked.ask(() => promise);
  const settled = async (): Promise<void> => void (await Promise.allSettled([promise]));
  return {
    answer: async (text) => {
      resolve(text);
      await settled();
    },
    fail: async (error) => {
      reject(error);
      await settled();
    },
  };
}

it('tells the newest answer, whichever comes last', async () => {
  const first = ask();
  const second = ask();
  await second.answer('second');
  await first.answer('first');
  expect(onAnswer.mock.calls).toEqual([['second']]);
});

it('tells nothing of an older question, neither before the newest is answered nor of its failure', async () => {
  const [first, second, third] = [ask(), ask(), ask()];
  await first.answer('first');
  await second.fail(new Error('second'));
  expect(onAnswer).not.toHaveBeenCalled();
  await third.fail(new Error('third'));
  expect(onFailure.mock.calls).toEqual([[new Error('third')]]);
});

it('tells nothing once nobody waits', async () => {
  const only = ask();
  asked.drop();
  await only.answer('only');
  expect(onAnswer).not.toHaveBeenCalled();
});
