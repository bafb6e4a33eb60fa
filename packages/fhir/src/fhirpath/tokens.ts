/** One token of a FHIRPath expression (FHIRPath 2.0.0 §12, lexical elements). */
export type Token =
  | { readonly kind: 'name'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'string' | 'number' | 'date' | 'variable' | 'special' | 'symbol'; readonly text: string };

export class FhirPathSyntaxError extends Error {
  override readonly name = 'FhirPathSyntaxError';
}

/** Longer than any expression of R4 (2,100); bounds the work that a stranger's expression can cause. */
export const EXPRESSION_LENGTH_MAX = 10_000;

const PATTERNS: readonly (readonly [Token['kind'] | 'blank' | 'quoted', RegExp])[] = [
  ['blank', /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)/y],
  ['date', /@(?:T?\d[\dT:.+\-Z]*)/y],
  ['number', /\d+(?:\.\d+)?/y],
  ['string', /'(?:[^'\\]|\\.)*'/y],
  ['quoted', /`(?:[^`\\]|\\.)*`/y],
  ['variable', /%(?:[A-Za-z_][A-Za-z0-9_-]*|`[^`]*`|'[^']*')/y],
  ['special', /\$(?:this|index|total)\b/y],
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['symbol', /(?:<=|>=|!=|!~|[()[\]{}.,|&+\-*/=~<>])/y],
];

/** @throws FhirPathSyntaxError something that no token begins with, or an expression that is too long. */
export function tokensOf(expression: string): readonly Token[] {
  if (expression.length > EXPRESSION_LENGTH_MAX) throw new FhirPathSyntaxError('the expression is too long');
  const tokens: Token[] = [];
  let at = 0;
  while (at < expression.length) {
    const [kind, text] = tokenAt(expression, at);
    at += text.length;
    if (kind === 'name') tokens.push({ kind, text, quoted: false });
    else if (kind === 'quoted') tokens.push({ kind: 'name', text: unescaped(text), quoted: true });
    else if (kind === 'string') tokens.push({ kind, text: unescaped(text) });
    else if (kind === 'variable') tokens.push({ kind, text: text.slice(1).replace(/^[`']|[`']$/g, '') });
    else if (kind !== 'blank') tokens.push({ kind, text });
  }
  return tokens;
}

function tokenAt(expression: string, at: number): readonly [(typeof PATTERNS)[number][0], string] {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const text = pattern.exec(expression)?.[0];
    if (text !== undefined) return [kind, text];
  }
  throw new FhirPathSyntaxError('the expression holds something that is no token');
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' };

function unescaped(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_all, hex: string | undefined, character: string) =>
      hex === undefined ? (ESCAPES[character] ?? character) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
}
