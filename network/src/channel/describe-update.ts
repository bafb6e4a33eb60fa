import { type ChannelConfig, rootOf } from './config.ts';
import { type Element, type Elements, keyOf, mapElements, placeOf } from './elements.ts';
import { factsOfPolicy, factsOfValue } from './facts.ts';
import { configAfter, fingerprintOf, type UpdateProposal } from './update.ts';

/** Who may change an element is said where it differs, and of what is new where it is not the group's administrators. */
const USUAL = 'changed by Admins';

/**
 * What a proposal changes, for people: one line with the fingerprint to compare, then a line a place, marked `+` new,
 * `-` gone, `~` changed, and below it what is said there now (`+`) and no more (`-`). Throws `stale`, `malformed`.
 */
export async function describeProposal(current: ChannelConfig, proposal: UpdateProposal): Promise<readonly string[]> {
  const next = configAfter(current, proposal);
  const [before, after] = [mapElements(rootOf(current)), mapElements(rootOf(next))];
  const sequence = next.config.getSequence();
  const head = `update ${sequence} of the channel ${current.channel}, fingerprint ${fingerprintOf(proposal)}`;
  const lines = [head];
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort(byPlace(before, after))) {
    lines.push(...(await describeElement(before.get(key), after.get(key))));
  }
  return lines;
}

/** By place, so that what belongs together stands together. */
function byPlace(before: Elements, after: Elements): (left: string, right: string) => number {
  const placed = (key: string): string => {
    const element = after.get(key) ?? before.get(key);
    return element === undefined ? key : `${placeOf(element)} ${element.kind}`;
  };
  return (left, right) => (placed(left) < placed(right) ? -1 : 1);
}

async function describeElement(before: Element | undefined, after: Element | undefined): Promise<readonly string[]> {
  const element = after ?? before;
  if (element === undefined) return [];
  const [old, fresh] = await Promise.all([factsOf(before), factsOf(after)]);
  const mark = before === undefined ? '+' : after === undefined ? '-' : '~';
  const tells = (fact: string): boolean => mark === '~' || fact !== USUAL;
  const lines = [
    ...old.filter((fact) => !fresh.includes(fact) && tells(fact)).map((fact) => `    - ${fact}`),
    ...fresh.filter((fact) => !old.includes(fact) && tells(fact)).map((fact) => `    + ${fact}`),
  ];
  const unsaid = lines.length === 0 && before !== undefined && after !== undefined && !sameContent(before, after);
  if (lines.length === 0 && mark === '~' && !unsaid) return [];
  const place = `${mark} ${element.kind} ${placeOf(element)}`;
  return [place, ...lines, ...(unsaid ? ['    ~ the order or form of what it says'] : [])];
}

async function factsOf(element: Element | undefined): Promise<readonly string[]> {
  if (element === undefined) return [];
  const governed = `changed by ${element.modPolicy === '' ? 'nobody' : element.modPolicy}`;
  if (element.kind === 'group') return [governed];
  if (element.kind === 'policy') return [...factsOfPolicy(element.message.getPolicy()), governed];
  return [...(await factsOfValue(element.name, element.message.getValue_asU8())), governed];
}

function sameContent(before: Element, after: Element): boolean {
  if (before.kind === 'group' || after.kind === 'group') return keyOf(before) === keyOf(after);
  const bytes = (element: Exclude<Element, { kind: 'group' }>): Uint8Array =>
    element.kind === 'value'
      ? element.message.getValue_asU8()
      : (element.message.getPolicy()?.serializeBinary() ?? new Uint8Array());
  return Buffer.from(bytes(before)).equals(bytes(after));
}
