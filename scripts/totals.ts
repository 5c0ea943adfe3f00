/** How one test runner's run ended. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What vitest's JSON reporter writes, as far as it is read here. */
interface VitestReport {
  readonly testResults: readonly {
    readonly status: 'passed' | 'failed';
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Counts a vitest JSON report. A file that failed without a failed test in it (it did not load, or one of its hooks
 * failed) counts as one failure.
 */
export function countVitest(report: string): Totals {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const { status, assertionResults } of (JSON.parse(report) as VitestReport).testResults) {
    const failures = assertionResults.filter((test) => test.status === 'failed').length;
    const passes = assertionResults.filter((test) => test.status === 'passed').length;
    totals.passed += passes;
    totals.failed += status === 'failed' ? Math.max(failures, 1) : failures;
    totals.skipped += assertionResults.length - passes - failures;
  }
  return totals;
}

/** `12 passed, 0 failed`, and `, 3 skipped` where some were. */
export function formatTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
