import { afterAll, beforeAll, describe, test } from 'vitest';
import { cases } from './cases.ts';
import { type Body, type RunningBody, runCase, skipReason } from './run.ts';

/** The conformance cases as vitest tests over `body`. A skip carries its reason. */
export function runConformance(body: Body): void {
  describe(`conformance: ${body.name}`, () => {
    const missing = body.unavailable();
    let running: RunningBody;
    beforeAll(async () => {
      if (missing === undefined) running = await body.start();
    });
    afterAll(async () => {
      await running?.close();
    });
    for (const one of cases) {
      test(`${one.id}: ${one.title}`, { timeout: 70_000 }, async ({ skip }) => {
        const reason = missing ?? skipReason(body, one);
        if (reason !== undefined) skip(reason);
        await runCase(body, running, one);
      });
    }
  });
}
