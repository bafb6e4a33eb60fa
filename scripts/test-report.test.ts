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
    expect(parseTestReport(report, badly)).toEqual({ counts: { passed: 3, failed: 1 }, problems: [], skipped: [] });
  });

  it('fails a run without tests, whatever the exit code', () => {
    expect(parseTestReport({ testResults: [] }, well)).toEqual({
      counts: { passed: 0, failed: 1 },
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
