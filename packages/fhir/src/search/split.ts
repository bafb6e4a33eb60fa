const OPENING: Readonly<Record<string, string>> = { '(': ')', '[': ']' };

/** The parts of a FHIRPath between separators that stand outside of brackets and strings. */
export function splitOutside(expression: string, separator: string): readonly string[] {
  const parts: string[] = [];
  const open: string[] = [];
  let start = 0;
  for (let at = 0; at < expression.length; at += 1) {
    const character = expression.charAt(at);
    if (character === "'") at = endOfString(expression, at);
    else if (OPENING[character] !== undefined) open.push(OPENING[character]);
    else if (character === open.at(-1)) open.pop();
    else if (character === separator && open.length === 0) {
      parts.push(expression.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, expression.slice(start)];
}

function endOfString(expression: string, start: number): number {
  const end = expression.indexOf("'", start + 1);
  return end < 0 ? expression.length : end;
}

const ESCAPED = new Set(['\\', '|', ',', '$']);

/**
 * The parts of a search value between unescaped separators, still escaped: `,` between alternatives, `$` between the parts of a
 * composite, `|` in tokens and quantities (R4 §3.1.1.4.1).
 */
export function splitEscaped(value: string, separator: ',' | '$' | '|'): readonly string[] {
  const parts: string[] = [''];
  for (let at = 0; at < value.length; at += 1) {
    const character = value.charAt(at);
    if (character === separator) {
      parts.push('');
      continue;
    }
    const pair = character === '\\' && ESCAPED.has(value.charAt(at + 1));
    parts.push((parts.pop() ?? '') + (pair ? value.slice(at, at + 2) : character));
    if (pair) at += 1;
  }
  return parts;
}

/** A part as it was meant. A backslash before anything else stands for itself. */
export function unescapeValue(part: string): string {
  return part.replace(/\\([\\|,$])/g, '$1');
}
