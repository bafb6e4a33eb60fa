/** The plural forms of a language (CLDR), as i18next appends them to a key. */
interface Plurals {
  readonly en: 'one' | 'other';
  readonly hi: 'one' | 'other';
  readonly ar: 'zero' | 'one' | 'two' | 'few' | 'many' | 'other';
}

type Counted<Key> = Key extends `${infer Base}_other` ? Base : never;
type Plain<Key> = Key extends `${string}_one` | `${string}_other` ? never : Key;

/**
 * What a translation of the catalogue `En` holds: the same keys, and every plural form of its own language where the
 * English has `key_one` and `key_other`. A missing key is a type error.
 */
export type Texts<En, Language extends keyof Plurals> = {
  readonly [Key in Plain<keyof En>]: En[Key] extends string ? string : Texts<En[Key], Language>;
} & { readonly [Key in `${Counted<keyof En>}_${Plurals[Language]}`]: string };
