import { writeSync } from 'node:fs';
import { openInstructed } from './instructed.ts';
import { changedTogether, createdTogether, type Together } from './together.ts';

/** Changes the same resources in transaction after transaction until it is killed; each acknowledged one is a line on stdout. */

const { vault, caller, run } = await openInstructed();

async function transact(text: string): Promise<readonly string[]> {
  const result = await vault.repository.transaction(caller, text);
  if (result.kind === 'refused') throw new Error(`${result.code} ${JSON.stringify(result.issues)}`);
  return result.outcomes.map(({ id }) => id);
}

async function changeOn(lane: number): Promise<never> {
  const name = `${run}-${lane}`;
  const [left = '', right = '', place = ''] = await transact(createdTogether(name));
  let state: Together = { left, right, place };
  for (let count = 1; ; count += 1) {
    const [, , , made = ''] = await transact(changedTogether(name, state, count));
    state = { ...state, place: made };
    writeSync(1, `${JSON.stringify({ ...state, count })}\n`);
  }
}

await Promise.all([0, 1].map(changeOn));
