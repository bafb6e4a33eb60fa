export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

interface FileReport {
  readonly name: string;
  readonly status: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages?: readonly string[];
  }[];
}

const FAILURES_SHOWN_MAX = 20;
const MESSAGE_LINES_MAX = 6;
const LINE_CHARS_MAX = 200;

/**
 * Counts the tests of vitest's JSON report. A file that failed outside its tests, a run without tests, and an exit
 * code that the counts do not explain each count as one failure, and so does a skipped test where everything is
 * required: only Fabric may be absent there. `failures` says which tests failed and how, for the end of a long output.
 *
 * @param report the parsed JSON, of any shape
 * @param run `exitedWell`: vitest's exit code was 0; `requireAll`: `SALUS_TEST_REQUIRE=all`
 */
export function parseTestReport(
  report: unknown,
  run: { readonly exitedWell: boolean; readonly requireAll: boolean },
): {
  readonly counts: TestCounts;
  readonly failures: readonly string[];
  readonly problems: readonly string[];
  readonly skipped: readonly string[];
} {
  const files = parseFiles(report);
  if (files === undefined) {
    return { counts: { passed: 0, failed: 1 }, failures: [], problems: ['vitest ended without a report'], skipped: [] };
  }
  const tests = files.flatMap((file) => file.assertionResults);
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const failedTests = tests.filter(({ status }) => status === 'failed').length;
  const skipped = tests
    .filter(({ status }) => status !== 'passed' && status !== 'failed')
    .map(({ fullName, status }) => `${fullName} (${status})`);
  const problems = [
    ...files
      .filter(({ status, assertionResults }) => {
        return status === 'failed' && assertionResults.every((test) => test.status !== 'failed');
      })
      .map(({ name }) => `${name} failed outside its tests`),
    ...(run.requireAll ? skipped.filter((name) => !/\bfabric\b/i.test(name)) : []),
    ...(passed + failedTests === 0 ? ['vitest ran no test'] : []),
  ];
  if (!run.exitedWell && failedTests === 0 && problems.length === 0) {
    problems.push('vitest failed although no test did: see the errors above');
  }
  const failures = files.flatMap((file) =>
    file.assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages = [] }) =>
        [`${file.name}: ${fullName}`, ...beginningOf(failureMessages.join('\n'))].join('\n  '),
      ),
  );
  return {
    counts: { passed, failed: failedTests + problems.length },
    failures: failures.slice(0, FAILURES_SHOWN_MAX),
    problems,
    skipped,
  };
}

function beginningOf(message: string): readonly string[] {
  return message
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, MESSAGE_LINES_MAX)
    .map((line) => line.slice(0, LINE_CHARS_MAX));
}

function parseFiles(report: unknown): readonly FileReport[] | undefined {
  if (typeof report !== 'object' || report === null || !('testResults' in report)) return undefined;
  return Array.isArray(report.testResults) ? (report.testResults as readonly FileReport[]) : undefined;
}
