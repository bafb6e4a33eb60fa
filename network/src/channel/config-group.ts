import { common } from '@hyperledger/fabric-protos';

/** The policy that has to be satisfied for changing an element, relative to the element's group (Fabric's default). */
export const ADMINS = 'Admins';

type Message = { serializeBinary(): Uint8Array };

/** An empty group of the channel configuration (common/configtx.proto). */
export function newGroup(): common.ConfigGroup {
  const group = new common.ConfigGroup();
  group.setModPolicy(ADMINS);
  return group;
}

export function setValue(group: common.ConfigGroup, name: string, message: Message): void {
  const value = new common.ConfigValue();
  value.setVersion(group.getValuesMap().get(name)?.getVersion() ?? 0);
  value.setValue(message.serializeBinary());
  value.setModPolicy(group.getValuesMap().get(name)?.getModPolicy() ?? ADMINS);
  group.getValuesMap().set(name, value);
}

export function setPolicy(group: common.ConfigGroup, name: string, policy: common.Policy): void {
  const entry = new common.ConfigPolicy();
  entry.setVersion(group.getPoliciesMap().get(name)?.getVersion() ?? 0);
  entry.setPolicy(policy);
  entry.setModPolicy(group.getPoliciesMap().get(name)?.getModPolicy() ?? ADMINS);
  group.getPoliciesMap().set(name, entry);
}

/** Capabilities are names with an empty value. */
export function capabilities(...names: readonly string[]): common.Capabilities {
  const message = new common.Capabilities();
  for (const name of names) message.getCapabilitiesMap().set(name, new common.Capability());
  return message;
}
