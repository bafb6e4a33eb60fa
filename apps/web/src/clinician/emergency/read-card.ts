import type { EmergencyCard } from '@salus/wallet';

const CARD_CHARACTERS_MAX = 64 * 1024;
const TEXTS = ['network', 'organisation', 'pid', 'grant', 'salt', 'privateKey'] as const;

/** The emergency card as its QR or file holds it; undefined for anything else. The node and the contract check what it says. */
export function readCard(text: string): EmergencyCard | undefined {
  if (text.length > CARD_CHARACTERS_MAX) return undefined;
  const value = parse(text.trim());
  const card = isObject(value) && isObject(value.card) ? value.card : value;
  if (!isObject(card) || card.version !== 'salus:card:v1' || !isObject(card.terms)) return undefined;
  return TEXTS.every((name) => typeof card[name] === 'string') ? (card as unknown as EmergencyCard) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON is no card.
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
