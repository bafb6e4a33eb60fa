import type { BenchResult } from './bench-result.ts';

/** Results for people: a line each, and whether the target is reached. */
export function report(results: readonly BenchResult[]): string {
  return results
    .map(({ name, value, limit, ratio, target, sense, details }) => {
      const reached = sense === 'at-least' ? ratio >= target : ratio <= target;
      const goal = `${sense === 'at-least' ? '≥' : '≤'} ${target}`;
      const facts = Object.entries(details).map(
        ([key, fact]) => `${key} ${typeof fact === 'number' ? round(fact) : fact}`,
      );
      return `${reached ? 'reached' : 'MISSED '}  ${name}: ${round(value)} against ${round(limit)}, ratio ${round(ratio)} (${goal})\n         ${facts.join(' · ')}`;
    })
    .join('\n');
}

function round(value: number): string {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
