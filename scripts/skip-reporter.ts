import type { Reporter, TestCase } from 'vitest/node';

/** Prints a line `SKIPPED file > test: reason` for each skipped test, so that no skip hides. */
export default class SkipReporter implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    if (result.state !== 'skipped') return;
    const note = 'note' in result && result.note ? result.note : 'no reason given';
    console.log(`SKIPPED ${test.module.relativeModuleId} > ${test.fullName}: ${note}`);
  }
}
