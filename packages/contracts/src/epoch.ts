import type { Context } from './context.ts';

/** record/epoch/<owner>; absent means `FIRST_EPOCH`. Keys of an older epoch take no new records. */
export type EpochFact = { readonly epoch: number };

export const FIRST_EPOCH = 1;

export const epochKey = (owner: string): string => `record/epoch/${owner}`;

/** The current epoch of an owner (`pid:<pid>` or `org:<organisation>`). */
export async function readEpoch(context: Context, owner: string): Promise<number> {
  return (await context.get<EpochFact>(epochKey(owner)))?.epoch ?? FIRST_EPOCH;
}

/** Ends the owner's epoch, once per call: whoever could open its keys cannot open the next one's. Returns the new epoch. */
export async function raiseEpoch(context: Context, owner: string): Promise<number> {
  const epoch = (await readEpoch(context, owner)) + 1;
  context.put(epochKey(owner), { epoch });
  return epoch;
}
