import type { Purpose } from '@salus/contracts';
import type { Json } from '@salus/crypto';
import type { Artifacts } from '@salus/records';

const KIND = 'SmartContext';

/** On whose behalf, and about whom, an app was let in; kept beside what oidc-provider knows of the grant. */
export type LaunchContext =
  | {
      /** A patient's app: it reads as grantee of one grant on the ledger. */
      readonly kind: 'patient';
      readonly pid: string;
      /** `Patient/<id>` here. */
      readonly patient: string;
      readonly grant: string;
      readonly purpose: Purpose;
    }
  | {
      /** A member of staff, whose own sight the scopes narrow. */
      readonly kind: 'staff';
      readonly id: string;
      readonly account: string;
      readonly passwordMark: string;
      /** `Practitioner/<id>` here, where the person is linked to one. */
      readonly practitioner: string | null;
      /** The patient in context, if any. */
      readonly pid: string | null;
      readonly patient: string | null;
      readonly encounter: string | null;
      readonly purpose: 'TREAT';
    };

/** Launch contexts by the id of oidc-provider's grant: they end with it. */
export class LaunchContexts {
  readonly #artifacts: Artifacts;

  constructor(artifacts: Artifacts) {
    this.#artifacts = artifacts;
  }

  put(grantId: string, context: LaunchContext, expiresMs: number): Promise<void> {
    return this.#artifacts.put(KIND, grantId, { value: context as unknown as Json, expiresMs, group: grantId });
  }

  async find(grantId: string): Promise<LaunchContext | undefined> {
    return (await this.#artifacts.find(KIND, grantId)) as unknown as LaunchContext | undefined;
  }
}
