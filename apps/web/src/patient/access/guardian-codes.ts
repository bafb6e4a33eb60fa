import { canonicalBytes, fromBase64url, type Json, parseJson, toBase64url } from '@salus/crypto';
import { GUARDIAN_OFFER_VERSION, type GuardianOffer } from '@salus/wallet';
import type { Place } from './acting.ts';

const WARD = 'SALUS-WARD:1:';
const OFFER = 'SALUS-GUARDIAN:1:';
const PLACE = /^([a-z][a-z0-9-]{1,31})\/([A-Za-z0-9_-]{22})$/;
const PLACES_MAX = 32;
const OFFER_CHARS_MAX = 60_000;
const OFFER_DEPTH_MAX = 6;

/** What somebody shows to whom they want as a guardian: under which pids their records lie. It holds no key. */
export function formatWardCode(places: readonly Place[]): string {
  return WARD + places.map(({ organisation, pid }) => `${organisation}/${pid}`).join(',');
}

/** Undefined where the text is no such code. */
export function parseWardCode(text: string): readonly Place[] | undefined {
  const code = text.trim();
  if (!code.startsWith(WARD)) return undefined;
  const parts = code.slice(WARD.length).split(',', PLACES_MAX + 1);
  const places = parts.flatMap((part) => {
    const [, organisation, pid] = PLACE.exec(part) ?? [];
    return organisation === undefined || pid === undefined ? [] : [{ organisation, pid }];
  });
  return places.length === parts.length && places.length <= PLACES_MAX ? places : undefined;
}

/** What the guardian's device shows in return: a key of its own for each pid, with proof that it holds it. */
export function formatOffers(offers: readonly GuardianOffer[]): string {
  return OFFER + toBase64url(canonicalBytes(offers as unknown as Json));
}

/** Undefined where the text is no such code, of another network, or speaks of anything but these places. */
export function parseOffers(
  text: string,
  { network, places }: { readonly network: string; readonly places: readonly Place[] },
): readonly GuardianOffer[] | undefined {
  const code = text.trim();
  if (!code.startsWith(OFFER) || code.length > OFFER_CHARS_MAX) return undefined;
  let offers: Json;
  try {
    offers = parseJson(fromBase64url(code.slice(OFFER.length)), {
      sizeMax: OFFER_CHARS_MAX,
      depthMax: OFFER_DEPTH_MAX,
    });
  } catch {
    return undefined;
  }
  if (!Array.isArray(offers) || offers.length === 0 || offers.length > PLACES_MAX) return undefined;
  const parsed = offers as unknown as readonly (GuardianOffer | null)[];
  const fits = parsed.every(
    (offer) =>
      offer?.version === GUARDIAN_OFFER_VERSION &&
      offer.network === network &&
      typeof offer.device === 'object' &&
      places.some(({ pid, organisation }) => pid === offer.pid && organisation === offer.organisation),
  );
  return fits ? (parsed as readonly GuardianOffer[]) : undefined;
}
