import { parentPort } from 'node:worker_threads';
import type { Owner as FhirOwner } from '@salus/fhir';
import type { Answer, FromWorker, Question, ToWorker } from './bundle-worker-messages.ts';
import { prepareBundle } from './prepare-bundle.ts';
import { type BundleQuestions, isWritten } from './prepared-bundle.ts';
import { sealRecord } from './record-object.ts';

/** Prepares bundles beside the main thread; everything it must know of the store it asks. */

if (parentPort === null) throw new Error('broken invariant: this module runs as a worker');
const port = parentPort;
const waiting = new Map<string, PromiseWithResolvers<Answer>>();
let questions = 0;

port.on('message', (messages: readonly ToWorker[]) => {
  for (const message of messages) take(message);
});

function take(message: ToWorker): void {
  switch (message.kind) {
    case 'prepare':
      void prepare(message);
      return;
    case 'answer':
      takeQuestion(message.job, message.question)?.resolve(message.value);
      return;
    case 'no-answer':
      takeQuestion(message.job, message.question)?.reject(new Error('no answer'));
      return;
    case 'seal':
      seal(message);
      return;
  }
}

async function prepare({ job, input }: Extract<ToWorker, { readonly kind: 'prepare' }>): Promise<void> {
  try {
    const prepared = await prepareBundle(input, questionsOf(job));
    const entries = prepared.kind === 'prepared' ? prepared.entries : [];
    // Each text has a buffer of its own: it moves to the other thread without a copy.
    const buffers = entries.flatMap((entry) => (isWritten(entry) ? [entry.plaintext.buffer] : []));
    port.postMessage({ kind: 'done', job, prepared } satisfies FromWorker, buffers);
  } catch (error) {
    // The message may quote a resource: only the kind of error leaves the thread.
    send({ kind: 'failed', job, name: error instanceof Error ? error.name : 'unknown' });
  }
}

function seal({ job, objects }: Extract<ToWorker, { readonly kind: 'seal' }>): void {
  try {
    const sealed = objects.map(sealRecord);
    const buffers = sealed.map(({ ciphertext }) => ciphertext.buffer);
    port.postMessage({ kind: 'sealed', job, objects: sealed } satisfies FromWorker, buffers);
  } catch (error) {
    send({ kind: 'failed', job, name: error instanceof Error ? error.name : 'unknown' });
  }
}

function questionsOf(job: number): BundleQuestions {
  const ask = (body: Question): Promise<Answer> => {
    const question = questions++;
    const answer = Promise.withResolvers<Answer>();
    waiting.set(`${job}/${question}`, answer);
    send({ kind: 'question', job, question, body });
    return answer.promise;
  };
  return {
    begin: async (facts) => {
      await ask({ name: 'begin', ...facts });
    },
    findByIdentifier: async (type, query) => (await ask({ name: 'find', type, query })) as readonly string[],
    findBySearch: async (type, query) => (await ask({ name: 'search', type, query })) as readonly string[],
    findTargets: async (targets) =>
      (await ask({ name: 'targets', targets })) as Awaited<ReturnType<BundleQuestions['findTargets']>>,
    findOwners: async (references) =>
      references.length === 0
        ? new Map()
        : ((await ask({ name: 'owners', references })) as ReadonlyMap<string, FhirOwner>),
  };
}

function takeQuestion(job: number, question: number): PromiseWithResolvers<Answer> | undefined {
  const name = `${job}/${question}`;
  const found = waiting.get(name);
  waiting.delete(name);
  return found;
}

function send(message: FromWorker): void {
  port.postMessage(message);
}
