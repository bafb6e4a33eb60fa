import type { texts as access } from './en/access.ts';
import type { texts as apps } from './en/apps.ts';
import type { texts as clinician } from './en/clinician.ts';
import type { texts as disputes } from './en/disputes.ts';
import type { texts as fhir } from './en/fhir.ts';
import type { texts as guardians } from './en/guardians.ts';
import type { texts as lending } from './en/lending.ts';
import type { texts as log } from './en/log.ts';
import type { texts as onboarding } from './en/onboarding.ts';
import type { texts as record } from './en/record.ts';
import type { texts as session } from './en/session.ts';
import type { texts as shell } from './en/shell.ts';
import type { texts as steward } from './en/steward.ts';
import type { texts as terms } from './en/terms.ts';
import type { texts as ui } from './en/ui.ts';
import type { texts as urgent } from './en/urgent.ts';
import type { texts as visit } from './en/visit.ts';

/** Every catalogue by the name with which `useTranslation` asks for it; the English one is the type of all. */
export interface Catalogues {
  readonly access: typeof access;
  readonly log: typeof log;
  readonly disputes: typeof disputes;
  readonly guardians: typeof guardians;
  readonly apps: typeof apps;
  readonly clinician: typeof clinician;
  readonly fhir: typeof fhir;
  readonly lending: typeof lending;
  readonly onboarding: typeof onboarding;
  readonly record: typeof record;
  readonly session: typeof session;
  readonly shell: typeof shell;
  readonly steward: typeof steward;
  readonly terms: typeof terms;
  readonly ui: typeof ui;
  readonly urgent: typeof urgent;
  readonly visit: typeof visit;
}

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'shell';
    resources: Catalogues;
  }
}
