import * as schema from '../http/schemas.ts';
import { ServerError } from '../server-error.ts';
import { phoneDigits, type SoughtPerson, wordsOf } from './patient-likeness.ts';

const WORDS_MAX = 6;
const NAME_LETTERS_MIN = 2;
const PHONE_DIGITS_MIN = 6;

/** What a person at a desk types of another. */
export interface DescribedPerson {
  readonly name?: string;
  readonly birthDate?: string;
  readonly phone?: string;
  readonly identifier?: string;
}

export const describedPerson = {
  name: schema.text(200),
  birthDate: schema.matching('^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$', 10),
  phone: schema.text(40),
  identifier: schema.text(200, 1),
} as const;

/** @throws ServerError `bad-request` for what describes nobody: an empty question would list people. */
export function soughtOf({ name = '', birthDate, phone = '', identifier }: DescribedPerson): SoughtPerson {
  const words = wordsOf(name).slice(0, WORDS_MAX);
  const digits = phoneDigits(phone);
  if (phone !== '' && digits.length < PHONE_DIGITS_MIN) {
    throw new ServerError('bad-request', `A telephone number has at least ${PHONE_DIGITS_MIN} digits.`);
  }
  const tells = words.some((word) => word.length >= NAME_LETTERS_MIN);
  if (!tells && digits === '' && identifier === undefined && (birthDate?.length ?? 0) < 'YYYY-MM-DD'.length) {
    throw new ServerError(
      'bad-request',
      'Say a name of two letters, a whole birth date, a telephone number or an identifier.',
    );
  }
  return {
    words,
    ...(birthDate === undefined ? {} : { birthDate }),
    ...(digits === '' ? {} : { phone: digits }),
    ...(identifier === undefined ? {} : { identifier }),
  };
}
