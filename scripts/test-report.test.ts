import { describe, expect, it } from 'vitest';
import { parseTestReport } from './test-report.ts';

function file(status: string, ...tests: string[]) {
  return {
    name: 'a.test.ts',
    status,
    assertionResults: tests.map((test, index) => ({ status: test, fullName: `test ${index}` })),
  };
}

const well = { exitedWell: true, requireAll: false };
const badly = { exitedWell: false, requireAll: false };
const wellWithAll = { exitedWell: true, requireAll: true };

describe('the count of tests', () => {
  it('counts what passed and what failed', () => {
    const report = { testResults: [file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed')] };
    expect(parseTestReport(report, badly)).toEqual({
      counts: { passed: 3, failed: 1 },
      failures: ['a.test.ts: test 1'],
      problems: [],
      skipped: [],
    });
  });

  it('says where a test failed and how, no longer than the end of an output has room for', () => {
    const message = ['Error: no answer', '', '    at wait (a.ts:1:1)', 'x'.repeat(1000), ...Array(20).fill('more')];
    const tests = [{ status: 'failed', fullName: 'a walk ends', failureMessages: [message.join('\n')] }];
    const report = { testResults: [{ name: 'a.test.ts', status: 'failed', assertionResults: tests }] };
    const [failure, ...others] = parseTestReport(report, badly).failures;
    expect(others).toEqual([]);
    expect(failure?.split('\n')).toEqual([
      'a.test.ts: a walk ends',
      '  Error: no answer',
      '      at wait (a.ts:1:1)',
      `  ${'x'.repeat(200)}`,
      '  more',
      '  more',
      '  more',
    ]);
  });

  it('fails a run without tests, whatever the exit code', () => {
    expect(parseTestReport({ testResults: [] }, well)).toEqual({
      counts: { passed: 0, failed: 1 },
      failures: [],
      problems: ['vitest ran no test'],
      skipped: [],
    });
  });

  it('fails a file that could not be loaded', () => {
    const report = { testResults: [file('passed', 'passed'), file('failed')] };
    expect(parseTestReport(report, badly).counts).toEqual({ passed: 1, failed: 1 });
  });

  it('names a skipped test, and fails it where everything is required', () => {
    const report = { testResults: [file('passed', 'passed', 'skipped')] };
    expect(parseTestReport(report, well)).toEqual({
      counts: { passed: 1, failed: 0 },
      failures: [],
      problems: [],
      skipped: ['test 1 (skipped)'],
    });
    expect(parseTestReport(report, wellWithAll).counts).toEqual({ passed: 1, failed: 1 });
  });

  it('lets only Fabric be absent where everything is required', () => {
    const tests = [
      { status: 'passed', fullName: 'the ledger commits' },
      { status: 'skipped', fullName: 'the conformance suite on Fabric commits' },
    ];
    const report = { testResults: [{ name: 'a.test.ts', status: 'passed', assertionResults: tests }] };
    expect(parseTestReport(report, wellWithAll).counts).toEqual({ passed: 1, failed: 0 });
  });

  it('fails an exit code that no test explains, such as an unhandled rejection', () => {
    expect(parseTestReport({ testResults: [file('passed', 'passed')] }, badly).counts.failed).toBe(1);
  });

  it.each([undefined, null, 'text', {}, { testResults: 3 }])('fails without a readable report: %j', (report) => {
    expect(parseTestReport(report, well).counts).toEqual({ passed: 0, failed: 1 });
  });
});
