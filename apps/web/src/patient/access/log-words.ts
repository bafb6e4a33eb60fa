import type { AuditEvent } from '@salus/client';
import type { TFunction } from 'i18next';
import type { texts } from '../../i18n/en/log.ts';
import type { Terms } from '../../ui/terms.ts';

/** Whose a key of the pid is, for whoever reads the log: their own, a guardian’s, or (for a guardian) the patient’s. */
export type KeyOf = (kid: string) => 'you' | 'guardian' | 'patient';

type Translate = TFunction<'log'>;
type Kind = keyof (typeof texts)['kinds'];

const KINDS: ReadonlySet<string> = new Set<Kind>([
  ...(['session', 'read', 'search', 'export', 'delivery', 'refusal', 'write', 'emergency', 'login'] as const),
  ...(['registration', 'slip', 'denial', 'delegation', 'erasure', 'tombstone'] as const),
]);

/** Who did it: role and place, never a name, which stands in no log. */
export function actorOf(t: Translate, terms: Terms, { who, exchange }: AuditEvent, keyOf: KeyOf): string {
  switch (who?.kind) {
    case undefined:
      return exchange === undefined ? t('nobody') : t('peer', { organisation: terms.place(exchange.peer) });
    case 'patient':
      return t(keyOf(who.kid));
    case 'member':
      return t('member', {
        role: terms.list(who.roles.map(terms.role)),
        organisation: terms.place(who.organisation),
      });
  }
}

/** What was done, with how many documents where it says so. */
export function deedOf(t: Translate, { kind, records }: AuditEvent): string {
  const known: Kind = KINDS.has(kind) ? (kind as Kind) : 'other';
  const deed = t(`kinds.${known}`, { kind });
  return records.length === 0 ? deed : `${deed}: ${t('documents', { count: records.length })}`;
}

/** Whether the reader of the page did it, on whichever device. */
export function isOwn({ who }: AuditEvent, keyOf: KeyOf): boolean {
  return who?.kind === 'patient' && keyOf(who.kid) === 'you';
}
