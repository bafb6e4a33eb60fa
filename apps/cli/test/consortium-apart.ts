import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@salus/testing';
import { type Desk, openDesk } from '../src/acceptance/desk.ts';
import { type OrganisationProcess, organisationProcess } from './organisation-process.ts';
import { done, type StoryDesks } from './story.ts';

/** Organisations with a process each on a Fabric network, the patient's own device, and what lies between. */
export interface ConsortiumApart extends AsyncDisposable {
  readonly directory: string;
  readonly home: Desk;
  at(slug: string): OrganisationProcess;
  /** Starts the founder, then every other one, each admitted by those before it. */
  join(slugs: readonly string[]): Promise<void>;
  desks(): StoryDesks;
}

export async function openConsortiumApart(
  slugs: readonly string[],
  connectionFile: (slug: string) => string,
): Promise<ConsortiumApart> {
  const directory = mkdtempSync(join(tmpdir(), 'salus-apart-'));
  const addresses = new Map<string, { readonly url: string; readonly exchangeUrl: string }>();
  for (const slug of slugs) {
    const [url, exchangeUrl] = [`http://127.0.0.1:${await freePort()}`, `https://127.0.0.1:${await freePort()}`];
    addresses.set(slug, { url, exchangeUrl });
  }
  const list = (name: string, of: 'url' | 'exchangeUrl'): string => {
    const file = join(directory, name);
    writeFileSync(file, JSON.stringify(Object.fromEntries([...addresses].map(([slug, where]) => [slug, where[of]]))));
    return file;
  };
  const [nodesFile, peersFile] = [list('nodes.json', 'url'), list('peers.json', 'exchangeUrl')];
  const processes = new Map(
    slugs.map((slug) => {
      const place = { slug, home: join(directory, slug), nodesFile, peersFile, connectionFile: connectionFile(slug) };
      return [slug, organisationProcess({ ...place, ...addresses.get(slug)! })];
    }),
  );
  const at = (slug: string): OrganisationProcess => processes.get(slug)!;
  const home = openDesk({ home: mkdtempSync(join(directory, 'home-')), environment: { SALUS_NODES: nodesFile } });
  const passphrase = home.secretFile('passphrase', 'correct horse battery staple');
  return {
    ...{ directory, home, at },
    join: async (joining) => {
      const [founder, ...others] = joining.map(at);
      await founder!.start();
      const members = [founder!];
      for (const applicant of others) {
        const ready = applicant.start();
        // What goes wrong before it waits is told by the wait for its application.
        ready.catch(() => undefined);
        await applicant.says('waits to be admitted');
        await admit(members, applicant);
        await ready;
        members.push(applicant);
      }
    },
    desks: () => ({
      ...{ a: at('hospital-a').desk, b: at('hospital-b').desk, home, passphrase },
      nodeOfB: () => at('hospital-b').url,
    }),
    [Symbol.asyncDispose]: async () => {
      for (const running of processes.values()) await running.end('SIGTERM');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The first member proposes, the others vote until it is decided. */
async function admit(members: readonly OrganisationProcess[], applicant: OrganisationProcess): Promise<void> {
  const [first, ...voters] = members;
  interface Decided {
    readonly proposal: string;
    readonly status: string;
  }
  const as = ({ slug }: OrganisationProcess): readonly string[] => ['--as', `${slug}.admin`];
  const proposed = await done(first!.desk, 'staff', 'admit', applicant.applicationFile, ...as(first!));
  let { proposal, status } = proposed.json<Decided>();
  for (const voter of voters) {
    if (status !== 'open') return;
    ({ proposal, status } = (await done(voter.desk, 'staff', 'vote', proposal, ...as(voter))).json<Decided>());
  }
}
