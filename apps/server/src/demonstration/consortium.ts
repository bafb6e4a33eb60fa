/** The organisations of the demonstration consortium and the people who work in them. */
export interface DemonstrationStaff {
  readonly account: string;
  readonly roles: readonly string[];
  readonly family: string;
  readonly given: string;
  /** Fictitious licence number; the Practitioner resource carries it. */
  readonly licence: string;
}

export interface DemonstrationOrganisation {
  readonly slug: string;
  readonly name: string;
  readonly staff: readonly DemonstrationStaff[];
}

const administrator = (prefix: string, family: string, given: string): DemonstrationStaff => ({
  account: `${prefix}.admin`,
  roles: ['administrator', 'privacy-officer'],
  family,
  given,
  licence: `${prefix}-0001`,
});

export const CONSORTIUM: readonly DemonstrationOrganisation[] = [
  {
    slug: 'hospital-a',
    name: 'Lakeside University Hospital',
    staff: [
      administrator('hospital-a', 'Okafor', 'Ngozi'),
      { account: 'a.rossi', roles: ['clinician'], family: 'Rossi', given: 'Chiara', licence: 'hospital-a-1001' },
      { account: 'a.mehta', roles: ['clinician'], family: 'Mehta', given: 'Arjun', licence: 'hospital-a-1002' },
      { account: 'a.nurse', roles: ['nurse'], family: 'Lindqvist', given: 'Elsa', licence: 'hospital-a-2001' },
      { account: 'a.desk', roles: ['registrar'], family: 'Brandt', given: 'Jonas', licence: 'hospital-a-3001' },
    ],
  },
  {
    slug: 'hospital-b',
    name: 'St Brigid General Hospital',
    staff: [
      administrator('hospital-b', 'Haddad', 'Salma'),
      { account: 'b.novak', roles: ['clinician'], family: 'Novak', given: 'Petra', licence: 'hospital-b-1001' },
      { account: 'b.desk', roles: ['registrar'], family: 'Quinn', given: 'Aoife', licence: 'hospital-b-3001' },
    ],
  },
  {
    slug: 'laboratory',
    name: 'Meridian Laboratory',
    staff: [
      administrator('laboratory', 'Sato', 'Kenji'),
      { account: 'lab.ivers', roles: ['laboratory'], family: 'Ivers', given: 'Maren', licence: 'laboratory-1001' },
    ],
  },
  {
    slug: 'pharmacy',
    name: 'Old Bridge Pharmacy',
    staff: [
      administrator('pharmacy', 'Moreau', 'Lucie'),
      { account: 'ph.adeyemi', roles: ['pharmacist'], family: 'Adeyemi', given: 'Tunde', licence: 'pharmacy-1001' },
    ],
  },
  {
    slug: 'research',
    name: 'Northern Institute for Outcomes Research',
    staff: [
      administrator('research', 'Virtanen', 'Aino'),
      { account: 'r.castro', roles: ['researcher'], family: 'Castro', given: 'Inés', licence: 'research-1001' },
    ],
  },
];

/** Who writes the stories' records at an organisation: the first who is no administrator. */
export function author(slug: string): DemonstrationStaff {
  const member = CONSORTIUM.find((organisation) => organisation.slug === slug)?.staff[1];
  if (member === undefined) throw new Error(`no demonstration staff at ${slug}`);
  return member;
}
