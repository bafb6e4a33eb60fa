import { common } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import { type ChannelConfig, rootOf } from './config.ts';
import { namesOf } from './elements.ts';

/**
 * The update that leads from one configuration to another: only what differs, with the versions that the orderer checks
 * (what Fabric's configtxlator computes; its code is internal/configtxlator/update). Throws `no-change`.
 */
export function computeUpdate(current: ChannelConfig, next: ChannelConfig): common.ConfigUpdate {
  const difference = compareGroups(rootOf(current), rootOf(next));
  if (!difference.changed) throw new NetworkError('no-change', `the channel ${current.channel} is already so`);
  const update = new common.ConfigUpdate();
  update.setChannelId(current.channel);
  update.setReadSet(difference.reads);
  update.setWriteSet(difference.writes);
  return update;
}

type Difference = {
  readonly reads: common.ConfigGroup;
  readonly writes: common.ConfigGroup;
  readonly changed: boolean;
};

type Leaf = common.ConfigValue | common.ConfigPolicy;
type Leaves<T extends Leaf> = {
  get(key: string): T | undefined;
  set(key: string, value: T): unknown;
  keys(): Iterable<string>;
};

/** Members of a group that stay as they are: written down only where the group's own membership changes. */
type Unchanged = (reads: common.ConfigGroup, writes: common.ConfigGroup) => void;
type Comparison = {
  readonly membersChanged: boolean;
  readonly wrote: boolean;
  readonly unchanged: readonly Unchanged[];
};

function compareGroups(before: common.ConfigGroup, after: common.ConfigGroup): Difference {
  const reads = new common.ConfigGroup();
  const writes = new common.ConfigGroup();
  reads.setVersion(before.getVersion());
  writes.setVersion(before.getVersion());
  const parts = [
    compareLeaves((group) => group.getValuesMap(), new common.ConfigValue(), sameValue, before, after, writes),
    compareLeaves((group) => group.getPoliciesMap(), new common.ConfigPolicy(), samePolicy, before, after, writes),
    compareChildren(before, after, reads, writes),
  ];
  const ownChange = before.getModPolicy() !== after.getModPolicy() || parts.some((part) => part.membersChanged);
  if (!ownChange) return { reads, writes, changed: parts.some((part) => part.wrote) };
  for (const keep of parts.flatMap((part) => part.unchanged)) keep(reads, writes);
  writes.setVersion(before.getVersion() + 1);
  writes.setModPolicy(after.getModPolicy());
  return { reads, writes, changed: true };
}

function compareLeaves<T extends Leaf>(
  leavesOf: (group: common.ConfigGroup) => Leaves<T>,
  empty: T,
  same: (left: T, right: T) => boolean,
  before: common.ConfigGroup,
  after: common.ConfigGroup,
  writes: common.ConfigGroup,
): Comparison {
  const [old, fresh] = [leavesOf(before), leavesOf(after)];
  const unchanged: Unchanged[] = [];
  let wrote = false;
  const write = (name: string, leaf: T, version: number): void => {
    const written = leaf.cloneMessage() as T;
    written.setVersion(version);
    leavesOf(writes).set(name, written);
    wrote = true;
  };
  for (const name of namesOf(fresh)) {
    const [stood, stands] = [old.get(name), fresh.get(name)];
    if (stands === undefined) continue;
    if (stood === undefined) write(name, stands, 0);
    else if (!same(stood, stands)) write(name, stands, stood.getVersion() + 1);
    else {
      const reference = empty.cloneMessage() as T;
      reference.setVersion(stood.getVersion());
      unchanged.push((...groups) => {
        for (const group of groups) leavesOf(group).set(name, reference);
      });
    }
  }
  return { membersChanged: namesOf(old).join('\n') !== namesOf(fresh).join('\n'), wrote, unchanged };
}

function compareChildren(
  before: common.ConfigGroup,
  after: common.ConfigGroup,
  reads: common.ConfigGroup,
  writes: common.ConfigGroup,
): Comparison {
  const [old, fresh] = [before.getGroupsMap(), after.getGroupsMap()];
  const unchanged: Unchanged[] = [];
  let wrote = false;
  for (const name of namesOf(fresh)) {
    const [stood, stands] = [old.get(name), fresh.get(name)];
    if (stands === undefined) continue;
    const inner = compareGroups(stood ?? new common.ConfigGroup(), stands);
    if (stood === undefined) {
      inner.writes.setVersion(0);
      inner.writes.setModPolicy(stands.getModPolicy());
      writes.getGroupsMap().set(name, inner.writes);
      wrote = true;
    } else if (inner.changed) {
      reads.getGroupsMap().set(name, inner.reads);
      writes.getGroupsMap().set(name, inner.writes);
      wrote = true;
    } else {
      unchanged.push((...groups) => {
        for (const group of groups) group.getGroupsMap().set(name, inner.reads);
      });
    }
  }
  return { membersChanged: namesOf(old).join('\n') !== namesOf(fresh).join('\n'), wrote, unchanged };
}

function sameValue(left: common.ConfigValue, right: common.ConfigValue): boolean {
  return left.getModPolicy() === right.getModPolicy() && sameBytes(left.getValue_asU8(), right.getValue_asU8());
}

function samePolicy(left: common.ConfigPolicy, right: common.ConfigPolicy): boolean {
  const bytes = (policy: common.ConfigPolicy): Uint8Array => policy.getPolicy()?.serializeBinary() ?? new Uint8Array();
  return left.getModPolicy() === right.getModPolicy() && sameBytes(bytes(left), bytes(right));
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.from(left).equals(right);
}
