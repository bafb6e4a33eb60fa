import { join } from 'node:path';
import { writePrivateFile } from '@salus/wallet/node';
import { type Credentials, demonstrationDirectory, type PatientCredential } from './credentials.ts';

/** Beside the credentials: the same people for somebody who sits before a browser, one line to paste for each. */
export function peopleFile(configDirectory: string): string {
  return join(demonstrationDirectory(configDirectory), 'people.txt');
}

/** Writes it, mode 0600: who reads it can be anybody of the demonstration. */
export function writePeople(configDirectory: string, credentials: Pick<Credentials, 'staff' | 'patients'>): void {
  writePrivateFile(peopleFile(configDirectory), peopleText(credentials));
}

export function peopleText({ staff, patients }: Pick<Credentials, 'staff' | 'patients'>): string {
  const colleagues = staff.flatMap(({ name, roles, organisation, device }) =>
    device === undefined ? [] : [`${name}, ${roles.join(', ')} at ${organisation}\n${device}`],
  );
  return [
    'The people of the demonstration. In the app choose “Sign in” and paste the long line below a name.',
    'Each of them is best in a window of their own: one browser window and one private window make two people.',
    ...section('PATIENTS WITH A WALLET', patients.flatMap(describeClaimed)),
    ...section('STAFF', colleagues),
    ...section('PATIENTS WHO HAVE ONLY A SLIP (in the app: “Go to my record”)', patients.flatMap(describeUnclaimed)),
    '',
  ].join('\n\n');
}

function section(title: string, entries: readonly string[]): readonly string[] {
  return entries.length === 0 ? [] : [`== ${title}`, ...entries];
}

function describeClaimed(patient: PatientCredential): readonly string[] {
  return patient.device === undefined ? [] : [`${describe(patient)}\n${patient.device}`];
}

function describeUnclaimed(patient: PatientCredential): readonly string[] {
  return patient.slips === undefined ? [] : [[describe(patient), ...patient.slips].join('\n')];
}

function describe({ name, story, at }: PatientCredential): string {
  const places = at.map(({ organisation }) => organisation).join(', ');
  return `${name}, patient of ${places} (${story})`;
}
