import { apiClient, logInStaff } from '@salus/client';
import { signerFromPkcs8 } from '@salus/crypto';
import { answerDispute, parseDeviceCode } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

const WORDS = 'My weight was not taken that day; the value is somebody else’s.';
const ANSWER = 'We have checked the sheet of that day: the value is yours.';

let stage: Stage;

interface Listed {
  readonly dispute: string;
  readonly text: string;
  readonly patient: string;
}

/** The author’s side, as a program: reads the open statements and answers the one. */
async function answerAsAuthor(pid: string): Promise<Listed> {
  const line = stage.cast.staff.find(({ account }) => account === 'a.rossi')!.device;
  const code = parseDeviceCode(line);
  if (code.kind !== 'staff') throw new Error('not a line of staff');
  const { organisation, account, password, id, roles, chain, network } = code;
  const session = await logInStaff(apiClient(stage.url, fetch), { organisation, account, password });
  const { api, token } = session;
  const path = `/api/v1/orgs/${organisation}/disputes`;
  const { disputes } = await api.send<{ disputes: readonly Listed[] }>({
    method: 'GET',
    path,
    query: { state: 'open' },
    token,
  });
  const [found] = disputes;
  const wallet = { network, organisation, id, roles, chain, signer: signerFromPkcs8(code.privateKey) };
  const { call, privateArgs } = await answerDispute(
    wallet,
    { network, nowMs: Date.now() },
    { pid, dispute: found!.dispute, outcome: 'declined', text: ANSWER },
  );
  await api.send({ method: 'POST', path: `${path}/${found!.dispute}/answers`, body: { call, privateArgs }, token });
  return found!;
}

describe.skipIf(!hasBrowser)('a patient who objects', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('states it in signed words beside the document, reads the author’s answer, and may withdraw', async () => {
    const patient = stage.cast.patients[0]!;
    const page = await stage.newDevice();
    await signIn(page, patient.device!);
    await page.goto('/patient/access/disputes');
    await page.getByText('You have objected to nothing.').waitFor();
    const form = page.getByRole('region', { name: 'Object to a document' });
    await form.getByRole('button', { name: 'Sign and send' }).click();
    await form.getByText('Choose a document.').waitFor();
    await form.getByText('Say what is wrong.').waitFor();
    const document = form.getByRole('combobox', { name: 'Which document' });
    const option = document.getByRole('option', { name: /^Measurements and findings at Hospital A/ }).first();
    await option.waitFor({ state: 'attached' });
    await document.selectOption(await option.getAttribute('value'));
    await form.getByRole('textbox', { name: 'What is wrong' }).fill(WORDS);
    await form.getByRole('button', { name: 'Sign and send' }).click();
    const card = page.getByRole('article').filter({ hasText: WORDS });
    await card.getByText('waits for an answer').waitFor();
    await expectAccessible(page);

    const hospital = patient.at.find(({ organisation }) => organisation === 'hospital-a')!;
    const seen = await answerAsAuthor(hospital.pid);
    expect(seen).toMatchObject({ text: WORDS, patient: hospital.fhirId });

    // The node tells the open page.
    await card.getByText('answered, not changed').waitFor();
    await card.getByText(ANSWER).waitFor();
    await photograph(page, 'disputes-answered');
    await card.getByRole('button', { name: 'Withdraw' }).click();
    const question = page.getByRole('dialog', { name: 'Withdraw your objection?' });
    await question.getByRole('button', { name: 'Withdraw' }).click();
    await card.getByText('withdrawn by you').waitFor();
  });
});
