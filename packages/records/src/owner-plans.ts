import type { DataKeys, KeyPlan } from './data-keys.ts';
import type { Owner } from './vault-types.ts';
import type { WriteOrder } from './write-order.ts';

/** The keys of a write, by owner. */
export type OwnerPlans = ReadonlyMap<Owner, KeyPlan>;

/** Plans the keys of every owner in sorted order, so that two writes never wait for each other. */
export async function planOwners(keys: DataKeys, order: WriteOrder): Promise<OwnerPlans> {
  const pairs = new Map<Owner, Set<number>>();
  for (const { owner, pair } of order.versions) {
    const known = pairs.get(owner);
    if (known === undefined) pairs.set(owner, new Set([pair]));
    else known.add(pair);
  }
  const isNew = new Set(order.patients.map(({ registration }): Owner => `pid:${registration.pid}`));
  const plans = new Map<Owner, KeyPlan>();
  try {
    for (const owner of [...pairs.keys()].sort()) {
      plans.set(owner, await keys.plan(owner, pairs.get(owner) ?? [], { isNew: isNew.has(owner) }));
    }
  } catch (error) {
    releasePlans(plans);
    throw error;
  }
  return plans;
}

export function releasePlans(plans: OwnerPlans): void {
  for (const plan of plans.values()) plan.release();
}
