import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import { NetworkError } from '../network-error.ts';
import { type Consortium, portsOf } from './consortium.ts';
import { consortiumSchema } from './consortium-schema.ts';

export const CONSORTIUM_BYTES_MAX = 1024 * 1024;
const PROBLEMS_SHOWN_MAX = 12;
/** Below four, a BFT channel stands no faulty orderer at all (3f + 1). */
const BFT_ORDERERS_MIN = 4;

type Path = readonly (string | number)[];
interface Problem {
  readonly path: Path;
  readonly message: string;
}

const validate = new Ajv2020({ allErrors: true, useDefaults: true, verbose: true, strict: true }).compile(
  consortiumSchema,
);

/**
 * Reads the text of a consortium.yaml: YAML 1.2 or JSON, against the JSON Schema and then the rules that a schema cannot
 * state. Throws NetworkError `bad-consortium`, whose message names every problem with its line.
 */
export function parseConsortium(text: string, file = 'consortium.yaml'): Consortium {
  if (Buffer.byteLength(text) > CONSORTIUM_BYTES_MAX) {
    throw refusal(file, [`it is larger than ${CONSORTIUM_BYTES_MAX} bytes`]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0)
    throw refusal(
      file,
      document.errors.map(({ message }) => message.split('\n')[0] ?? ''),
    );
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw refusal(file, ['it uses YAML aliases, which are not allowed'], cause);
  }
  const problems = validate(value) ? ruleProblems(withAbsent(value)) : schemaProblems(validate.errors ?? []);
  if (problems.length === 0) return withAbsent(value);
  throw refusal(
    file,
    problems.map(({ path, message }) => `${lineOf(document, lines, path)}${pathText(path)} ${message}`),
  );
}

function withAbsent(value: unknown): Consortium {
  const parsed = value as Consortium;
  const organisations = parsed.organisations.map((organisation) => ({ ...organisation, node: organisation.node }));
  return { ...parsed, network: parsed.network, organisations };
}

function schemaProblems(errors: readonly ErrorObject[]): readonly Problem[] {
  return errors.map((error) => {
    const path = error.instancePath
      .split('/')
      .slice(1)
      .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
    switch (error.keyword) {
      case 'additionalProperties': {
        const known = Object.keys((error.parentSchema as { readonly properties: object }).properties).join(', ');
        const unknown = String(error.params.additionalProperty);
        return { path: [...path, unknown], message: `is not known here: expected one of ${known}` };
      }
      case 'required':
        return { path, message: `lacks ${String(error.params.missingProperty)}` };
      default: {
        const { description } = error.parentSchema as { readonly description?: string };
        return {
          path,
          message: `is ${shown(error.data)}: expected ${description ?? error.message ?? 'another value'}`,
        };
      }
    }
  });
}

/** What the schema cannot say: names and ports once, and as many orderers and endorsers as the rules need. */
function ruleProblems(consortium: Consortium): readonly Problem[] {
  const { organisations, channel } = consortium;
  const orderers = organisations.flatMap((organisation) => organisation.orderers).length;
  const problems: Problem[] = [];
  if (orderers === 0) {
    problems.push({ path: ['organisations'], message: 'run no orderer: at least one organisation needs one' });
  }
  if (channel.consensus === 'bft' && orderers < BFT_ORDERERS_MIN) {
    const message = `is bft with ${orderers} orderers: it stands a faulty one only with ${BFT_ORDERERS_MIN} or more`;
    problems.push({ path: ['channel', 'consensus'], message });
  }
  organisations.forEach(({ peers, orderers: own }, index) => {
    const names = ['peers', 'orderers'].flatMap((list) => {
      const machines = list === 'peers' ? peers : own;
      return machines.map(({ name }, at) => ({ name, path: ['organisations', index, list, at, 'name'] as Path }));
    });
    problems.push(...repeated(names, (name) => `is ${name} twice in one organisation`));
  });
  problems.push(
    ...repeated(
      organisations.map(({ slug }, index) => ({ name: slug, path: ['organisations', index, 'slug'] })),
      (slug) => `is ${slug} twice`,
    ),
    ...portProblems(consortium),
  );
  return problems;
}

function repeated(
  named: readonly { readonly name: string; readonly path: Path }[],
  message: (name: string) => string,
): readonly Problem[] {
  return named
    .filter(({ name }, index) => named.findIndex((other) => other.name === name) !== index)
    .map(({ name, path }) => ({ path, message: message(name) }));
}

function portProblems({ organisations }: Consortium): readonly Problem[] {
  const taken = new Map<string, string>();
  return organisations.flatMap((organisation, index) =>
    portsOf(organisation).flatMap(({ port, use }): readonly Problem[] => {
      const place = `${organisation.host}:${port}`;
      const other = taken.get(place);
      if (other === undefined) {
        taken.set(place, use);
        return [];
      }
      return [{ path: ['organisations', index], message: `gives port ${port} to ${use}, which ${other} has already` }];
    }),
  );
}

/** `line 12: ` of the innermost node of the path that the document has. */
function lineOf(document: Document, lines: LineCounter, path: Path): string {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return `line ${lines.linePos(node.range[0]).line}: `;
  }
  return '';
}

function pathText(path: Path): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return text === '' ? 'the document' : text.replace(/^\./, '');
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function refusal(file: string, problems: readonly string[], cause?: unknown): NetworkError {
  const more = problems.length - PROBLEMS_SHOWN_MAX;
  const lines = [...problems.slice(0, PROBLEMS_SHOWN_MAX), ...(more > 0 ? [`and ${more} more`] : [])];
  return new NetworkError(
    'bad-consortium',
    `${file} is no consortium:\n${lines.map((line) => `  ${line}`).join('\n')}`,
    {
      cause,
    },
  );
}
