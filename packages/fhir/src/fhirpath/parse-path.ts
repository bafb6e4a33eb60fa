import { FhirPathSyntaxError, type Token, tokensOf } from './tokens.ts';

/** A FHIRPath expression (FHIRPath 2.0.0 §11, formal grammar). */
export type Path =
  | { readonly kind: 'literal'; readonly type: 'string' | 'number' | 'boolean' | 'date'; readonly text: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'this' }
  | { readonly kind: 'index' }
  /** What `aggregate` has gathered; parsed, not computed. */
  | { readonly kind: 'total' }
  | { readonly kind: 'variable'; readonly name: string }
  /** An element of the focus, or, at the head of a path, a type's name. */
  | { readonly kind: 'member'; readonly of: Path | undefined; readonly name: string }
  | { readonly kind: 'call'; readonly of: Path | undefined; readonly name: string; readonly args: readonly Path[] }
  | { readonly kind: 'item'; readonly of: Path; readonly index: Path }
  | { readonly kind: 'negative'; readonly of: Path }
  | { readonly kind: 'type'; readonly operator: 'is' | 'as'; readonly of: Path; readonly type: string }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Path; readonly right: Path };

/** From the tightest to the loosest (§11, operator precedence). */
const PRECEDENCE: Readonly<Record<string, number>> = {
  '*': 10,
  '/': 10,
  div: 10,
  mod: 10,
  '+': 9,
  '-': 9,
  '&': 9,
  is: 8,
  as: 8,
  '|': 7,
  '<': 6,
  '<=': 6,
  '>': 6,
  '>=': 6,
  '=': 5,
  '~': 5,
  '!=': 5,
  '!~': 5,
  in: 4,
  contains: 4,
  and: 3,
  xor: 2,
  or: 2,
  implies: 1,
};

/** Parentheses, calls and indexers inside each other. */
const NESTING_MAX = 100;

/** @throws FhirPathSyntaxError the text is no FHIRPath expression. */
export function parsePath(expression: string): Path {
  const reader = new PathReader(tokensOf(expression));
  const path = reader.expression(0);
  reader.end();
  return path;
}

/** A class because its position lives as long as the expression is read. */
class PathReader {
  readonly #tokens: readonly Token[];
  #at = 0;
  #nesting = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  expression(above: number): Path {
    if (++this.#nesting > NESTING_MAX) throw new FhirPathSyntaxError('the expression is nested too deep');
    let left = this.#term();
    for (let operator = this.#operator(); operator !== undefined; operator = this.#operator()) {
      const precedence = PRECEDENCE[operator] as number;
      if (precedence <= above) break;
      this.#at++;
      if (operator === 'is' || operator === 'as') {
        left = { kind: 'type', operator, of: left, type: this.#typeName() };
      } else {
        left = { kind: 'binary', operator, left, right: this.expression(precedence) };
      }
    }
    this.#nesting--;
    return left;
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw new FhirPathSyntaxError('the expression goes on after its end');
  }

  #operator(): string | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || (token.kind === 'name' && token.quoted)) return undefined;
    if (token.kind !== 'symbol' && token.kind !== 'name') return undefined;
    return Object.hasOwn(PRECEDENCE, token.text) ? token.text : undefined;
  }

  #term(): Path {
    let path = this.#head();
    for (;;) {
      if (this.#take('.')) path = this.#invocation(path);
      else if (this.#take('[')) {
        path = { kind: 'item', of: path, index: this.expression(0) };
        this.#expect(']');
      } else return path;
    }
  }

  #head(): Path {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new FhirPathSyntaxError('the expression ends too early');
    switch (token.kind) {
      case 'string':
      case 'number':
      case 'date':
        this.#at++;
        if (token.kind === 'number') this.#unit();
        return { kind: 'literal', type: token.kind, text: token.text };
      case 'variable':
        this.#at++;
        return { kind: 'variable', name: token.text };
      case 'special':
        this.#at++;
        return specialOf(token.text);
      case 'name':
        if (!token.quoted && (token.text === 'true' || token.text === 'false')) {
          this.#at++;
          return { kind: 'literal', type: 'boolean', text: token.text };
        }
        return this.#invocation(undefined);
      case 'symbol':
        return this.#bracketed();
    }
  }

  #bracketed(): Path {
    if (this.#take('(')) {
      const inner = this.expression(0);
      this.#expect(')');
      return inner;
    }
    if (this.#take('{')) {
      this.#expect('}');
      return { kind: 'empty' };
    }
    if (this.#take('-')) return { kind: 'negative', of: this.#term() };
    if (this.#take('+')) return this.#term();
    throw new FhirPathSyntaxError('the expression has an operator where a value was expected');
  }

  #invocation(of: Path | undefined): Path {
    const token = this.#tokens[this.#at++];
    if (token?.kind === 'special' && of !== undefined) return specialOf(token.text);
    if (token?.kind !== 'name') throw new FhirPathSyntaxError('the expression lacks a name');
    if (token.quoted || !this.#take('(')) return { kind: 'member', of, name: token.text };
    const args: Path[] = [];
    if (!this.#take(')')) {
      do args.push(this.expression(0));
      while (this.#take(','));
      this.#expect(')');
    }
    return { kind: 'call', of, name: token.text, args };
  }

  #typeName(): string {
    const parts: string[] = [];
    do {
      const token = this.#tokens[this.#at++];
      if (token?.kind !== 'name') throw new FhirPathSyntaxError('the expression lacks the name of a type');
      parts.push(token.text);
    } while (this.#take('.'));
    return parts.at(-1) ?? '';
  }

  /** `4 days`, `10 'mg'`: the unit of a quantity is read over; no rule of R4 computes with one. */
  #unit(): void {
    const token = this.#tokens[this.#at];
    if (
      token?.kind === 'string' ||
      (token?.kind === 'name' && /^(?:year|month|week|day|hour|minute|second|millisecond)s?$/.test(token.text))
    ) {
      this.#at++;
    }
  }

  #take(symbol: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'symbol' || token.text !== symbol) return false;
    this.#at++;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#take(symbol)) throw new FhirPathSyntaxError(`the expression lacks "${symbol}"`);
  }
}

function specialOf(text: string): Path {
  return { kind: text === '$this' ? 'this' : text === '$index' ? 'index' : 'total' };
}
