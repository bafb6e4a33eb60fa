import { common } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';

/** One group, value or policy of a configuration, or of the read or write set of an update. */
export type Element = {
  readonly kind: 'group' | 'value' | 'policy';
  /** Names of the groups above, from `Channel`; empty for the root. */
  readonly path: readonly string[];
  readonly name: string;
  readonly version: number;
  readonly modPolicy: string;
} & (
  | { readonly kind: 'group'; readonly message: common.ConfigGroup }
  | { readonly kind: 'value'; readonly message: common.ConfigValue }
  | { readonly kind: 'policy'; readonly message: common.ConfigPolicy }
);

/** By kind and place, as Fabric's `mapConfig` does (common/configtx/configmap.go). */
export type Elements = ReadonlyMap<string, Element>;

export const ROOT = 'Channel';

/** `/Channel/Application/Admins` */
export function placeOf(element: Element): string {
  return `/${[...element.path, element.name].join('/')}`;
}

export function keyOf(element: Element): string {
  return `${element.kind} ${placeOf(element)}`;
}

/** Every element of a group and of the groups below. */
export function mapElements(root: common.ConfigGroup): Elements {
  const found = new Map<string, Element>();
  collect(root, [], ROOT, found);
  return found;
}

function collect(group: common.ConfigGroup, path: readonly string[], name: string, found: Map<string, Element>): void {
  const add = (element: Element): void => {
    found.set(keyOf(element), element);
  };
  const below = [...path, name];
  add({ kind: 'group', path, name, version: group.getVersion(), modPolicy: group.getModPolicy(), message: group });
  for (const [key, message] of group.getValuesMap().entries()) {
    const { version, modPolicy } = { version: message.getVersion(), modPolicy: message.getModPolicy() };
    add({ kind: 'value', path: below, name: key, version, modPolicy, message });
  }
  for (const [key, message] of group.getPoliciesMap().entries()) {
    const { version, modPolicy } = { version: message.getVersion(), modPolicy: message.getModPolicy() };
    add({ kind: 'policy', path: below, name: key, version, modPolicy, message });
  }
  for (const [key, child] of group.getGroupsMap().entries()) collect(child, below, key, found);
}

/**
 * What an update writes: elements of the write set that the read set does not hold at the same version. Refuses, as the
 * orderer would (common/configtx/update.go), an update made for other versions than the channel has: `stale`.
 */
export function deltaOf(current: Elements, update: common.ConfigUpdate): readonly Element[] {
  const [reads, writes] = [update.getReadSet(), update.getWriteSet()];
  if (reads === undefined || writes === undefined) {
    throw new NetworkError('malformed', 'a channel update has a read set and a write set');
  }
  const read = mapElements(reads);
  for (const [key, element] of read) {
    const existing = current.get(key);
    if (existing?.version !== element.version) throw stale(element, element.version, existing);
  }
  const delta = [...mapElements(writes)].filter(([key, element]) => read.get(key)?.version !== element.version);
  for (const [key, element] of delta) {
    const existing = current.get(key);
    const next = existing === undefined ? 0 : existing.version + 1;
    if (element.version !== next) throw stale(element, element.version - 1, existing);
  }
  if (delta.length === 0) throw new NetworkError('no-change', 'the update would change nothing');
  return delta.map(([, element]) => element);
}

/**
 * The configuration after an update: elements of the delta replace those of the same place, and a group in the delta
 * has exactly the members that its write set names.
 */
export function applyDelta(root: common.ConfigGroup, update: common.ConfigUpdate): common.ConfigGroup {
  const current = mapElements(root);
  const delta = new Map(deltaOf(current, update).map((element) => [keyOf(element), element]));
  const result = new Map([...current, ...delta]);
  return rebuild(result, [], ROOT);
}

function rebuild(elements: Elements, path: readonly string[], name: string): common.ConfigGroup {
  const below = [...path, name];
  const at = (kind: Element['kind'], parents: readonly string[], key: string): Element => {
    const element = elements.get(`${kind} /${[...parents, key].join('/')}`);
    if (element === undefined) throw new NetworkError('malformed', `the update names ${kind} ${key}, which is nowhere`);
    return element;
  };
  const { message } = at('group', path, name) as Extract<Element, { kind: 'group' }>;
  const group = new common.ConfigGroup();
  group.setVersion(message.getVersion());
  group.setModPolicy(message.getModPolicy());
  for (const key of namesOf(message.getValuesMap())) {
    group.getValuesMap().set(key, (at('value', below, key) as Extract<Element, { kind: 'value' }>).message);
  }
  for (const key of namesOf(message.getPoliciesMap())) {
    group.getPoliciesMap().set(key, (at('policy', below, key) as Extract<Element, { kind: 'policy' }>).message);
  }
  for (const key of namesOf(message.getGroupsMap())) {
    group.getGroupsMap().set(key, rebuild(elements, below, key));
  }
  return group;
}

/** Keys of a protobuf map, in byte order. */
export function namesOf(map: { keys(): Iterable<string> }): readonly string[] {
  return [...map.keys()].sort();
}

function stale(element: Element, wanted: number, existing: Element | undefined): NetworkError {
  const stands = existing === undefined ? 'is not there' : `is at version ${existing.version}`;
  return new NetworkError(
    'stale',
    `the update was made for version ${wanted} of ${placeOf(element)}, which ${stands}: make it again`,
  );
}
