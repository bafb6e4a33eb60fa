import { ClientError, isUnanswered } from './client-error.ts';

const TIMEOUT_MS = 300_000;
const TRIES_MAX = 4;
const FIRST_PAUSE_MS = 150;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
const DETAIL_LENGTH_MAX = 2_000;
const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, as FHIR JSON. */
  readonly fhir?: Uint8Array | string;
  readonly token?: string;
  /** Whether a second arrival does no harm: then it is sent again when no answer came. Reads are, and signed calls. */
  readonly repeatable?: boolean;
}

/** A node's API. Every refusal becomes a ClientError with the node's own code. */
export interface ApiClient {
  readonly node: string;
  /** The node of an organisation, for a whole session there; a path that names an organisation finds it by itself. */
  at(organisation: string): ApiClient;
  /** The answer as parsed JSON; undefined where there is none. */
  send<T>(request: ApiRequest): Promise<T>;
  /** The answer's own text: FHIR keeps its number literals. */
  sendText(request: ApiRequest): Promise<string>;
}

/**
 * @param nodes where organisations have nodes of their own; whatever they do not name goes to `node`.
 * @throws ClientError `bad-node` for what is no URL, and for plain HTTP to another machine.
 */
export function apiClient(
  node: string,
  fetchImpl: typeof fetch,
  nodes: ReadonlyMap<string, string> = new Map(),
  seen: SeenLedger = { height: 0 },
): ApiClient {
  const base = parseNode(node);
  const addressOf = (organisation: string | undefined): string =>
    parseNode((organisation === undefined ? undefined : nodes.get(organisation)) ?? base);
  const sendText = (request: ApiRequest): Promise<string> =>
    sendRepeatedly({ base: addressOf(organisationIn(request.path)), fetchImpl, seen }, request);
  return {
    node: base,
    sendText,
    at: (organisation) => apiClient(addressOf(organisation), fetchImpl, nodes, seen),
    send: async <T>(request: ApiRequest): Promise<T> => {
      const text = await sendText(request);
      return (text === '' ? undefined : parseAnswer(text)) as T;
    },
  };
}

/** The newest block that any node has answered with: the next node that is asked has seen no less when it answers. */
interface SeenLedger {
  height: number;
}

const HEIGHT_HEADER = 'salus-height';

/** `/api/v1/orgs/<organisation>/…` or `/<organisation>/fhir/…`. */
function organisationIn(path: string): string | undefined {
  const [, ofApi, ofFhir] = /^\/(?:api\/v1\/orgs\/([a-z0-9-]+)(?:\/|$)|([a-z0-9-]+)\/fhir\/)/.exec(path) ?? [];
  return ofApi ?? ofFhir;
}

function parseNode(node: string): string {
  const url = URL.canParse(node) ? new URL(node) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ClientError('bad-node', 'The address of the node is not an http or https URL.');
  }
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname)) {
    throw new ClientError('bad-node', 'Plain HTTP is for nodes on this machine only.');
  }
  return node.replace(/\/+$/, '');
}

interface Target {
  readonly base: string;
  readonly fetchImpl: typeof fetch;
  readonly seen: SeenLedger;
}

async function sendRepeatedly(target: Target, request: ApiRequest): Promise<string> {
  const repeatable = request.repeatable ?? request.method === 'GET';
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendOnce(target, request);
    } catch (error) {
      // A node that says `overloaded` has done nothing; one that does not answer may have.
      const isBusy = error instanceof ClientError && error.code === 'overloaded';
      const again = isBusy || (repeatable && isUnanswered(error));
      if (!again || attempt >= TRIES_MAX) throw error;
      await wait(FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

async function sendOnce(target: Target, request: ApiRequest): Promise<string> {
  const response = await reach(target, request);
  const height = Number(response.headers.get(HEIGHT_HEADER) ?? 0);
  if (Number.isSafeInteger(height)) target.seen.height = Math.max(target.seen.height, height);
  const text = await readBounded(target.base, response);
  if (response.ok) return text;
  throw refusal(response.status, text);
}

async function reach({ base, fetchImpl, seen }: Target, request: ApiRequest): Promise<Response> {
  const { method, path, query = {}, body, fhir, token } = request;
  const url = new URL(base + path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const headers: Record<string, string> = {
    accept: 'application/json, application/fhir+json, application/problem+json',
  };
  if (seen.height > 0) headers[HEIGHT_HEADER] = String(seen.height);
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (fhir !== undefined) headers['content-type'] = 'application/fhir+json';
  else if (body !== undefined) headers['content-type'] = 'application/json';
  const content = fhir ?? (body === undefined ? undefined : JSON.stringify(body));
  try {
    return await fetchImpl(url, {
      method,
      headers,
      // A redirect would carry the token to wherever it points.
      redirect: 'error',
      credentials: 'omit',
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(content === undefined ? {} : { body: content as string | Uint8Array<ArrayBuffer> }),
    });
  } catch (cause) {
    throw new ClientError('node-unreachable', `The node at ${base} does not answer.`, { cause });
  }
}

async function readBounded(base: string, response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const reader = response.body?.getReader();
  let [text, size] = ['', 0];
  try {
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
      size += next.value.length;
      if (size > ANSWER_BYTES_MAX) {
        throw new ClientError('answer-too-large', 'The node’s answer is larger than a client takes.');
      }
      text += decoder.decode(next.value, { stream: true });
    }
  } catch (cause) {
    if (!(cause instanceof ClientError)) {
      throw new ClientError('answer-cut', `The answer of the node at ${base} broke off.`, { cause });
    }
    await reader?.cancel();
    throw cause;
  }
  return text + decoder.decode();
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = 'What answers there is not a Salus node: its answer is not JSON.';
    throw new ClientError('not-a-node', message, { cause });
  }
}

/** RFC 9457 problems and FHIR OperationOutcomes carry the node's code. */
function refusal(status: number, text: string): ClientError {
  const { code, detail } = parseRefusal(text);
  return new ClientError({ relayed: code, status }, detail.slice(0, DETAIL_LENGTH_MAX));
}

interface RefusalBody {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly issue?: readonly {
    readonly diagnostics?: unknown;
    readonly expression?: readonly unknown[];
    readonly details?: { readonly text?: unknown; readonly coding?: readonly { readonly code?: unknown }[] };
  }[];
}

function parseRefusal(text: string): { readonly code: string; readonly detail: string } {
  const body = findRefusal(text);
  if (typeof body?.code === 'string') {
    return { code: body.code, detail: sentence(body.detail ?? body.title ?? body.code) };
  }
  const issues = Array.isArray(body?.issue) ? (body.issue as NonNullable<RefusalBody['issue']>) : [];
  const code = issues[0]?.details?.coding?.[0]?.code;
  const details = issues
    .map(({ details, diagnostics, expression }) =>
      [expression?.[0], details?.text ?? diagnostics].filter((part) => typeof part === 'string').join(': '),
    )
    .filter((detail) => detail !== '');
  const known = typeof code === 'string' ? code : 'refused';
  if (details.length > 0) return { code: known, detail: details.map(sentence).join(' ') };
  return { code: known, detail: code === undefined ? 'The node refused without saying why.' : sentence(known) };
}

/** What comes from a proxy, or nothing at all, is no refusal of a node. */
function findRefusal(text: string): RefusalBody | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as RefusalBody) : undefined;
  } catch {
    return undefined;
  }
}

function sentence(value: unknown): string {
  const text = String(value).replaceAll('-', ' ').trim();
  const said = String(value).includes(' ') ? String(value).trim() : text;
  const capital = `${said.slice(0, 1).toUpperCase()}${said.slice(1)}`;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
