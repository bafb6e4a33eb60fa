import { describe, expect, it } from 'vitest';
import { type ApiRequest, apiClient } from './api-client.ts';
import { ClientError } from './client-error.ts';

const NODE = 'http://127.0.0.1:8470';
const READ: ApiRequest = { method: 'GET', path: '/api/v1/network' };
const WRITE: ApiRequest = { method: 'POST', path: '/hospital-a/fhir/R4', fhir: '{"a":1.50}' };

type Answer = () => Response;
const problem =
  (status: number, body: object): Answer =>
  () =>
    new Response(JSON.stringify(body), { status });
const silence: Answer = () => {
  throw new TypeError('fetch failed');
};

/** Gives each answer once, the last one for ever; remembers what was asked. */
function nodeThat(...answers: readonly Answer[]) {
  const asked: { readonly url: string; readonly init: RequestInit }[] = [];
  const fetchImpl = (async (url: URL, init: RequestInit) => {
    asked.push({ url: url.href, init });
    return answers[Math.min(asked.length, answers.length) - 1]!();
  }) as unknown as typeof fetch;
  return { asked, api: apiClient(NODE, fetchImpl) };
}

async function refusalOf(work: Promise<unknown>): Promise<ClientError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ClientError);
  return error as ClientError;
}

describe('the API client', () => {
  it('tells a refusal by the node’s own code, words and status', async () => {
    const { api } = nodeThat(
      problem(403, { code: 'grant-revoked', title: 'grant revoked', detail: 'The grant was ended.' }),
    );
    const refusal = await refusalOf(api.send(READ));
    expect(refusal).toMatchObject({ code: 'grant-revoked', message: 'The grant was ended.', status: 403 });
  });

  it('says what a code means when the node gives no words', async () => {
    const { api } = nodeThat(problem(403, { code: 'purpose-mismatch', title: 'purpose mismatch' }));
    expect((await refusalOf(api.send(READ))).message).toBe('Purpose mismatch.');
  });

  it('reads the code and every finding of an OperationOutcome', async () => {
    const issue = [
      { severity: 'error', details: { coding: [{ system: 'urn:salus:error', code: 'structure-invalid' }] } },
      { severity: 'error', expression: ['Bundle.entry[3].resource.status'], details: { text: 'is missing' } },
    ];
    const { api } = nodeThat(problem(422, { resourceType: 'OperationOutcome', issue }));
    const refusal = await refusalOf(api.send(WRITE));
    expect(refusal).toMatchObject({ code: 'structure-invalid', status: 422 });
    expect(refusal.message).toContain('Bundle.entry[3].resource.status: is missing');
  });

  it.each([
    ['a proxy’s page', '<html>Bad Gateway</html>', 502],
    ['nothing', '', 500],
    ['JSON that is no problem', '[]', 404],
    ['an outcome whose issue is no list', '{"issue":{"a":1}}', 400],
  ])('says that there is no reason when it gets %s', async (_name, body, status) => {
    const { api } = nodeThat(() => new Response(body, { status }));
    expect(await refusalOf(api.send(READ))).toMatchObject({
      code: 'refused',
      message: 'The node refused without saying why.',
      status,
    });
  });

  it('asks a silent node again for a read', async () => {
    const recovering = nodeThat(silence, problem(200, { network: 'n' }));
    expect(await recovering.api.send(READ)).toEqual({ network: 'n' });
    const silent = nodeThat(silence);
    const refusal = await refusalOf(silent.api.send(READ));
    expect(refusal).toMatchObject({ code: 'node-unreachable', status: null });
    expect(silent.asked).toHaveLength(4);
  });

  it('never sends a write again whose answer did not come: it may have been done', async () => {
    const { api, asked } = nodeThat(silence, problem(200, {}));
    expect((await refusalOf(api.send(WRITE))).code).toBe('node-unreachable');
    expect(asked).toHaveLength(1);
  });

  it('sends a write again to a node that says it is overloaded, for it did nothing', async () => {
    const { api, asked } = nodeThat(
      problem(503, { code: 'overloaded', title: 'overloaded' }),
      problem(200, { done: true }),
    );
    expect(await api.send(WRITE)).toEqual({ done: true });
    expect(asked).toHaveLength(2);
  });

  it('sends FHIR as the bytes that it got, follows no redirect and shows the token to nobody else', async () => {
    const { api, asked } = nodeThat(problem(200, {}));
    await api.send({ ...WRITE, token: 'secret' });
    expect(asked[0]?.init).toMatchObject({
      body: '{"a":1.50}',
      redirect: 'error',
      headers: { 'content-type': 'application/fhir+json', authorization: 'Bearer secret' },
    });
  });

  it('gives the text of an answer unparsed, so that number literals survive', async () => {
    const { api } = nodeThat(() => new Response('{"value":1.50}'));
    expect(await api.sendText(READ)).toBe('{"value":1.50}');
  });

  it('names what is no node at all', async () => {
    const { api } = nodeThat(() => new Response('hello'));
    expect(await refusalOf(api.send(READ))).toMatchObject({ code: 'not-a-node', status: null });
  });

  it('tells an answer that broke off from one that was given', async () => {
    const cut = () =>
      new Response(
        new ReadableStream({
          start: (controller) => {
            controller.enqueue(new TextEncoder().encode('{"a":'));
            controller.error(new Error('reset'));
          },
        }),
      );
    const { api } = nodeThat(cut);
    expect(await refusalOf(api.send(WRITE))).toMatchObject({ code: 'answer-cut', status: null });
  });

  it.each(['ftp://127.0.0.1', 'nonsense', 'http://hospital.example', 'http://10.0.0.1:8470'])(
    'refuses %s as a node',
    (node) => {
      expect(() => apiClient(node, fetch)).toThrow(expect.objectContaining({ code: 'bad-node' }));
    },
  );
});
