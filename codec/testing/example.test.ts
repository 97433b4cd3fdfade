import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as bundle from '../bundle/index.ts';
import * as motion from '../motion/index.ts';

it("the README's example runs and prints what it says", () => {
  const text = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
  const code = /```ts\n([\s\S]*?)```/.exec(text)![1]!;
  const modules: Record<string, unknown> = { '@hayate/codec/bundle': bundle, '@hayate/codec/motion': motion };
  const body = code.replace(/import (\{[^}]*\}) from ('[^']*');/g, 'const $1 = modules[$2];');
  const printed: unknown[][] = [];
  new Function('modules', 'console', body)(modules, { log: (...args: unknown[]) => printed.push(args) });
  expect(printed).toHaveLength(1);
  expect(printed[0]![0]).toBe(1_000_000);
  expect(printed[0]![1]).toBeCloseTo(0.25, 2);
});
