import type { Pure } from './context.ts';
import { demand } from './errors.ts';

/** Others seal to listed keys: one that is no point would stop the writes of all who must. Else `args-invalid`. */
export function demandPoint(pure: Pure, publicKey: string, name: string): void {
  demand(pure.isPublicKey(publicKey), 'args-invalid', `${name} must be a point on P-256`);
}
