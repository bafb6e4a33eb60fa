import type { Issue, IssueCode } from '../issue.ts';
import { ISSUES_MAX } from '../structure.ts';

/** The issues of one validation. Errors and remarks have a bound each: no number of remarks may hide an error. */
export class Findings {
  readonly #errors: Issue[] = [];
  readonly #warnings: Issue[] = [];

  error(code: IssueCode, text: string, expression: string): void {
    if (!this.full) this.#errors.push({ severity: 'error', code, text, expression });
  }

  warning(code: IssueCode, text: string, expression: string): void {
    if (this.#warnings.length < ISSUES_MAX) this.#warnings.push({ severity: 'warning', code, text, expression });
  }

  /** So many errors that no further one is looked for. */
  get full(): boolean {
    return this.#errors.length >= ISSUES_MAX;
  }

  get hasErrors(): boolean {
    return this.#errors.length > 0;
  }

  /** Errors first; `ISSUES_MAX` at most. */
  get issues(): readonly Issue[] {
    return [...this.#errors, ...this.#warnings].slice(0, ISSUES_MAX);
  }
}
