import type { Seeded } from './seeded.ts';

export interface Person {
  readonly family: string;
  readonly given: string;
  readonly gender: 'female' | 'male';
  readonly birthDate: string;
  readonly street: string;
  readonly city: string;
  readonly postalCode: string;
  readonly phone: string;
}

const FAMILIES = [
  'Abara',
  'Bianchi',
  'Calder',
  'Dhawan',
  'Eriksen',
  'Fontaine',
  'Grüber',
  'Hosseini',
  'Ibáñez',
  'Jovanović',
  'Kimura',
  'Laurent',
];
const FEMALE = ['Amara', 'Beatriz', 'Celeste', 'Divya', 'Freja', 'Giulia', 'Hana', 'Imogen'];
const MALE = ['Anselm', 'Bashir', 'Cyril', 'Dmitri', 'Emeka', 'Florian', 'Goran', 'Hideo'];
const STREETS = ['Alder Row', 'Beacon Lane', 'Copper Street', 'Dyers Walk', 'Elm Crescent', 'Ferry Road'];
const CITIES = ['Northmere', 'Ashford Vale', 'Lakeside', 'Kingsbarrow'];

/** A person who does not exist, born between 25 and 80 years before `year`. */
export function makePerson(random: Seeded, year: number): Person {
  const gender = random.pick(['female', 'male'] as const);
  const two = (value: number): string => String(value).padStart(2, '0');
  return {
    family: random.pick(FAMILIES),
    given: random.pick(gender === 'female' ? FEMALE : MALE),
    gender,
    birthDate: `${year - random.integer(25, 80)}-${two(random.integer(1, 12))}-${two(random.integer(1, 28))}`,
    street: `${random.integer(1, 240)} ${random.pick(STREETS)}`,
    city: random.pick(CITIES),
    postalCode: String(random.integer(10_000, 99_999)),
    phone: `+99 555 ${random.integer(100_000, 999_999)}`,
  };
}
