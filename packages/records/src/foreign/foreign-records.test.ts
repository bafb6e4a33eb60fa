import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FhirTree, parseSearch, type ResourceType, stringifyFhirJson } from '@salus/fhir';
import { revoke } from '@salus/wallet';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createStory, laterMedication, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import type { GrantToken } from '../exchange/grant-tokens.ts';
import type { VaultCaller } from '../repository.ts';
import type { SearchPage } from '../search/search-types.ts';
import { sightOf } from '../sight.ts';
import { verifyRecords } from '../verify/verify-records.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const PRIOR = 'Prior Displayname';
const workers = new BundleWorkers(1);
let story: Story;
let token: GrantToken;
let caller: VaultCaller;
let ownId: string;
let ownPid: string;

beforeAll(async () => {
  story = await createStory(workers);
  const { consortium, author, readerSide, patient, medications } = story;
  await consortium.import(author, [
    { ...laterMedication(story, 'later'), priorPrescription: { reference: medications[0], display: PRIOR } },
  ]);
  const [own = '', doctor = ''] = await consortium.import(readerSide, [
    { resourceType: 'Patient', id: 'a1111111-1111-4111-8111-111111111111', name: [{ family: 'Here' }] },
    { resourceType: 'Practitioner', id: 'a2222222-1111-4111-8111-111111111111', name: [{ family: 'Reader' }] },
    {
      resourceType: 'MedicationRequest',
      id: 'a3333333-1111-4111-8111-111111111111',
      ...{ status: 'active', intent: 'order', medicationCodeableConcept: { text: 'own' }, authoredOn: '2026-01-02' },
      subject: { reference: 'urn:uuid:a1111111-1111-4111-8111-111111111111' },
      requester: { reference: 'urn:uuid:a2222222-1111-4111-8111-111111111111' },
    },
  ]);
  const { id, organisation, roles } = readerSide.clinician;
  await readerSide.vault.access.linkPractitioner(id, doctor);
  ownId = own.slice('Patient/'.length);
  ownPid = (await readerSide.vault.patients.findByFhirId(ownId))!.pid;
  caller = { kind: 'member', who: { kind: 'member', id, organisation, roles }, purpose: 'TREAT' };
  token = await consortium.grant({ author, reader: readerSide, patient });
  const use = await consortium.use(token, readerSide.clinician);
  await readerSide.exchange.reader.open({ ...use, ownPid });
});

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

async function find(type: ResourceType, query: string, as = caller): Promise<SearchPage> {
  const { vault, exchange } = story.readerSide;
  const parsed = parseSearch(type, [...new URLSearchParams(query)]);
  if (parsed.kind === 'refused') throw new Error('a test asks what nobody may ask');
  const beyond = await exchange.foreign.beyond(as);
  return vault.search.find(sightOf(vault, as), { requests: [parsed.request], query, beyond });
}

const foreignIds = ({ matches }: SearchPage): readonly string[] =>
  matches.filter(({ tree }) => (tree.meta as FhirTree).source !== undefined).map(({ record }) => record.meta.id);

test('finds own and foreign records of a patient together, each under an id that stays', async () => {
  const page = await find('MedicationRequest', `patient=${ownId}`);
  expect(page).toMatchObject({ total: 5, isWhole: true });
  const ids = foreignIds(page);
  expect(new Set(ids).size).toBe(4);
  expect(foreignIds(await find('MedicationRequest', `patient=${ownId}`))).toEqual(ids);
  const [first = ''] = ids;
  const read = await story.readerSide.exchange.foreign.read(caller, 'MedicationRequest', first);
  expect(read?.tree.meta).toMatchObject({
    source: expect.stringMatching(/^https:\/\/hospital-a\.example\/fhir\/R4\/MedicationRequest\/.+\/_history\/1$/),
  });
  expect(await find('MedicationRequest', 'status=active')).toMatchObject({ total: 1 });
});

test('shows nothing to a colleague, to what scopes narrow away, or to patients', async () => {
  const { readerSide, patient } = story;
  const [id = ''] = foreignIds(await find('MedicationRequest', `patient=${ownId}`));
  const colleague = await story.consortium.enrolStaff('hospital-b', ['clinician']);
  const { roles, organisation } = colleague;
  const others: readonly VaultCaller[] = [
    { kind: 'member', who: { kind: 'member', id: colleague.id, organisation, roles }, purpose: 'TREAT' },
    { ...caller, narrow: ({ owner }) => owner === `pid:${patient.pid}` },
    { ...caller, narrow: (_, interaction) => interaction === 'c' },
    { kind: 'patient', who: { kind: 'patient', pid: ownPid, kid: patient.pid } },
  ];
  for (const other of others) {
    expect(await readerSide.exchange.foreign.read(other, 'MedicationRequest', id)).toBeUndefined();
    expect(foreignIds(await find('MedicationRequest', `patient=${ownId}`, other))).toEqual([]);
  }
});

test('shows what scopes of the patient here leave, as it is of the same person', async () => {
  const narrowed: VaultCaller = { ...caller, narrow: ({ owner }) => owner === `pid:${ownPid}` };
  expect(foreignIds(await find('MedicationRequest', `patient=${ownId}`, narrowed))).not.toEqual([]);
});

test('follows a URL to records of the person who names it, and to nobody else’s', async () => {
  const { foreign, reader } = story.readerSide.exchange;
  const [known] = foreignIds(await find('MedicationRequest', `patient=${ownId}`));
  const url = (await foreign.read(caller, 'MedicationRequest', known!))!.url;
  const beyond = (await foreign.beyond(caller))!;
  const idsOf = async (asked: string, owners: readonly `pid:${string}`[]): Promise<readonly string[]> =>
    (await beyond.named([asked], { foreign: [], owners })).resources.map(({ id }) => id);
  expect(await idsOf(url, [`pid:${ownPid}`])).toEqual([known]);
  expect(await idsOf(url, ['pid:somebody-else'])).toEqual([]);
  expect(await idsOf(url, [])).toEqual([]);
  expect(await idsOf(url.replace('hospital-a.example', 'hospital-c.example'), [`pid:${ownPid}`])).toEqual([]);
  expect(reader.listOpen(story.readerSide.clinician.id)).toHaveLength(1);
});

test('says that an answer is not whole where more was asked than it looks for', async () => {
  const others = (count: number): string[] => Array.from({ length: count }, () => randomUUID());
  const many = [ownId, ...others(20)].join(',');
  expect(await find('MedicationRequest', `patient=${many}`)).toMatchObject({ isWhole: false });
  const beyond = (await story.readerSide.exchange.foreign.beyond(caller))!;
  const url = 'https://hospital-a.example/fhir/R4/Observation/';
  const owners = others(21).map((pid) => `pid:${pid}` as const);
  expect(await beyond.named([`${url}1`], { foreign: [], owners })).toMatchObject({ isWhole: false });
  expect(await beyond.named([`${url}1`], { foreign: [], owners: owners.slice(1) })).toMatchObject({ isWhole: true });
  const urls = others(501).map((id) => url + id);
  expect(await beyond.named(urls, { foreign: [], owners: [] })).toMatchObject({ isWhole: false });
  // Own ids are nothing that others would have to be asked for.
  expect(await find('MedicationRequest', `_id=${others(120).join(',')}`)).toMatchObject({ total: 0, isWhole: true });
});

test('drops a display as soon as the author has raised the label of what it names', async () => {
  const displays = async (): Promise<string> => {
    const { matches } = await find('MedicationRequest', `patient=${ownId}`);
    return matches.map(({ tree }) => stringifyFhirJson(tree)).join();
  };
  expect(await displays()).toContain(PRIOR);
  const { consortium, author, medications } = story;
  const id = medications[0]!.slice('MedicationRequest/'.length);
  const { roles, organisation } = author.clinician;
  const who = { kind: 'member', id: author.clinician.id, organisation, roles } as const;
  const read = await author.vault.repository.read({ kind: 'member', who, purpose: 'TREAT' }, 'MedicationRequest', id);
  if (read.kind !== 'found') throw new Error(read.kind);
  const security = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'PSY' }];
  const written = await author.vault.repository.update(
    { kind: 'writer', writer: await consortium.writer(author), purpose: 'TREAT' },
    { type: 'MedicationRequest', id },
    { bytes: JSON.stringify({ ...JSON.parse(read.text), meta: { security } }), format: 'json' },
  );
  expect(written.kind).toBe('committed');
  const later = await find('MedicationRequest', `patient=${ownId}`);
  // It is no longer granted, and everything else is.
  expect(foreignIds(later)).toHaveLength(3);
  expect(later.isWhole).toBe(true);
  expect(await displays()).not.toContain(PRIOR);
});

test('answers with the own records, and says so, while the other organisation does not', async () => {
  const { consortium, author } = story;
  const gateway = consortium.peers.get('hospital-a')!;
  consortium.peers.delete('hospital-a');
  const page = await find('MedicationRequest', `patient=${ownId}`);
  expect(page).toMatchObject({ total: 1, isWhole: false });
  consortium.peers.set('hospital-a', gateway);
  expect(author.exchange.gateway).toBe(gateway);
  expect(await find('MedicationRequest', `patient=${ownId}`)).toMatchObject({ isWhole: true });
});

test('ends with the grant, and leaves nothing but sealed ids on the disk, which verify', async () => {
  const { consortium, patient, readerSide } = story;
  const page = await find('MedicationRequest', `patient=${ownId}`);
  const [id = ''] = foreignIds(page);
  expect(await readerSide.exchange.foreign.seeAlso(caller, ownId)).toHaveLength(1);
  const { pid, grant } = token.terms;
  await consortium.commit(await revoke(patient.wallet, consortium.occasion, { pid, grant }));
  expect(foreignIds(await find('MedicationRequest', `patient=${ownId}`))).toEqual([]);
  expect(await readerSide.exchange.foreign.seeAlso(caller, ownId)).toEqual([]);
  const { foreign } = readerSide.exchange;
  const ended = foreign.read(caller, 'MedicationRequest', id);
  await expect(ended).rejects.toMatchObject({ code: 'session-ended' });
  // Closed, so that every root is on the ledger.
  await consortium.reopen('hospital-b');
  const copy = await mkdtemp(join(tmpdir(), 'salus-foreign-'));
  await cp(readerSide.directory, copy, { recursive: true });
  const files = (await readdir(copy, { recursive: true })).filter((name) => name.includes('records.sqlite'));
  expect(files.length).toBeGreaterThan(0);
  for (const name of files) {
    const bytes = await readFile(join(copy, name));
    for (const secret of [id, ...story.medications.map((each) => each.split('/')[1]!), 'medicine 1', PRIOR]) {
      expect(bytes.includes(secret), name).toBe(false);
    }
  }
  const { findings, seen } = await verifyRecords({
    directory: copy,
    organisation: 'hospital-b',
    ledger: consortium.ledger,
  });
  expect(findings).toEqual([]);
  expect(seen.rows).toBeGreaterThan(4);
  await rm(copy, { recursive: true });
});

test('links two patients once, and takes it back for good', async () => {
  const { foreignLinks } = story.readerSide.vault;
  const link = { ownPid, author: 'hospital-a', pid: story.patient.pid };
  await foreignLinks.link(link);
  await foreignLinks.link(link);
  expect(await foreignLinks.listOf(ownPid)).toEqual([link]);
  expect(await foreignLinks.listOf(story.patient.pid)).toEqual([]);
  expect(await foreignLinks.unlink(ownPid)).toBe(1);
  expect(await foreignLinks.listOf(ownPid)).toEqual([]);
  expect(await foreignLinks.unlink(ownPid)).toBe(0);
});
