import type { Json } from '@salus/crypto';
import type { Artifacts } from '@salus/records';

const KIND = 'SmartAdmission';

/** The patient's grant by which an app was let in. */
interface Admitted {
  readonly pid: string;
  readonly grant: string;
}

/**
 * With which scopes an app was let in under a grant, for the patient to see. It goes when what it tells of goes: with
 * oidc-provider's grant and everything that came of that.
 */
export class AdmissionNotes {
  readonly #artifacts: Artifacts;

  constructor(artifacts: Artifacts) {
    this.#artifacts = artifacts;
  }

  put(
    admitted: Admitted,
    {
      grantId,
      scopes,
      expiresMs,
    }: { readonly grantId: string; readonly scopes: readonly string[]; readonly expiresMs: number },
  ): Promise<void> {
    const value = { scopes } as unknown as Json;
    return this.#artifacts.put(KIND, nameOf(admitted), { value, expiresMs, group: grantId });
  }

  /** undefined where no log-in of an app under this grant is known any more. */
  async findScopes(admitted: Admitted): Promise<readonly string[] | undefined> {
    const found = await this.#artifacts.find(KIND, nameOf(admitted));
    return (found as unknown as { readonly scopes: readonly string[] } | undefined)?.scopes;
  }
}

function nameOf({ pid, grant }: Admitted): string {
  return `${pid} ${grant}`;
}
