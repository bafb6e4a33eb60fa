import {
  type FhirTree,
  type Issue,
  operationOutcome,
  type SearchRequest,
  stringifyFhirJson,
  summaryOf,
} from '@salus/fhir';
import type { FoundRecord, SearchPage } from '@salus/records';

interface Answered {
  readonly baseUrl: string;
  /** Of the search, below the base. */
  readonly path: string;
  readonly requests: readonly SearchRequest[];
  /** What was ignored, and whatever else the asker should know. */
  readonly issues: readonly Issue[];
  readonly page: SearchPage;
  /** What the ledger adds to what is stored. */
  readonly projected: readonly FhirTree[];
  readonly next: string | undefined;
  readonly nowMs: number;
}

const CUT: Issue = {
  severity: 'warning',
  code: 'too-costly',
  text: 'not everything that was to be included is: the page would be too large',
};
export const NOT_WHOLE: Issue = {
  severity: 'warning',
  code: 'incomplete',
  text: 'not everything of other organisations is here: a node did not answer as it should, or it is more than one answer holds',
};
const TOO_LARGE: Issue = {
  severity: 'warning',
  code: 'too-long',
  text: 'a resource whose attachments are too large for an answer is not shown: read it by itself',
};

/**
 * The answer to a search as JSON text (R4 §3.1.1.6): resources stand in it as they were written, so that number literals
 * survive.
 */
export function searchSet({ baseUrl, path, requests, issues, page, projected, next, nowMs }: Answered): string {
  const [first] = requests;
  const isWhole = first === undefined || (first.summary === 'false' && first.elements.length === 0);
  const entries: string[] = [];
  const told = [...issues, ...(page.includesCut ? [CUT] : []), ...(page.isWhole ? [] : [NOT_WHOLE])];
  const show = (mode: 'match' | 'include', { record, text, tree, elsewhere }: FoundRecord): void => {
    if (text === null && isWhole) {
      told.push(TOO_LARGE);
      return;
    }
    const { type, id } = record.meta;
    const isPart = !isWhole && first !== undefined && mode === 'match';
    const resource = isPart ? stringifyFhirJson(summaryOf(tree, first.summary, first.elements)) : (text ?? '');
    const fullUrl = JSON.stringify(fullUrlOf(baseUrl, { type, id }, elsewhere));
    entries.push(`{"fullUrl":${fullUrl},"resource":${resource},"search":{"mode":"${mode}"}}`);
  };
  for (const tree of projected) {
    const fullUrl = JSON.stringify(`${baseUrl}/${path}/${tree.id as string}`);
    entries.push(`{"fullUrl":${fullUrl},"resource":${stringifyFhirJson(tree)},"search":{"mode":"match"}}`);
  }
  for (const found of page.matches) show('match', found);
  for (const found of page.included) show('include', found);
  if (told.length > 0) {
    entries.push(`{"resource":${stringifyFhirJson(operationOutcome(told))},"search":{"mode":"outcome"}}`);
  }
  const link = [
    { relation: 'self', url: selfUrl(baseUrl, path, requests) },
    ...(next === undefined ? [] : [{ relation: 'next', url: next }]),
  ];
  const head = {
    resourceType: 'Bundle',
    id: crypto.randomUUID(),
    meta: { lastUpdated: new Date(nowMs).toISOString() },
    type: 'searchset',
    ...(page.total === undefined ? {} : { total: page.total + projected.length }),
    link,
  };
  const text = JSON.stringify(head);
  return entries.length === 0 ? text : `${text.slice(0, -1)},"entry":[${entries.join(',')}]}`;
}

/** Where it is read: a resource of another organisation's directory at its author's base, all others here. */
export function fullUrlOf(
  baseUrl: string,
  { type, id }: { readonly type: string; readonly id: string },
  elsewhere: FoundRecord['elsewhere'],
): string {
  return elsewhere?.isDirectory === true ? elsewhere.url : `${baseUrl}/${type}/${id}`;
}

/** What was used of what was asked (R4 §3.1.1.6). */
function selfUrl(baseUrl: string, path: string, requests: readonly SearchRequest[]): string {
  const [first] = requests;
  const used = new URLSearchParams((first?.used ?? []).map(([name, value]): [string, string] => [name, value]));
  if (path === '') used.set('_type', requests.map(({ type }) => type).join(','));
  const query = used.toString();
  return `${baseUrl}${path === '' ? '' : `/${path}`}${query === '' ? '' : `?${query}`}`;
}
