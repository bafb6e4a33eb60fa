import type { Issue, IssueCode } from '../issue.ts';
import { ISSUES_MAX } from '../structure.ts';

/** The issues of one validation, bounded. */
export class Findings {
  readonly issues: Issue[] = [];

  error(code: IssueCode, text: string, expression: string): void {
    this.#add('error', code, text, expression);
  }

  warning(code: IssueCode, text: string, expression: string): void {
    this.#add('warning', code, text, expression);
  }

  get full(): boolean {
    return this.issues.length >= ISSUES_MAX;
  }

  #add(severity: Issue['severity'], code: IssueCode, text: string, expression: string): void {
    // An error always finds room: what decides must not be crowded out by remarks.
    if (this.full) {
      if (severity !== 'error' || this.issues.some((issue) => issue.severity === 'error')) return;
      this.issues.pop();
    }
    this.issues.push({ severity, code, text, expression });
  }
}
