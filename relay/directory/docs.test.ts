import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { directoryCodes } from './index.ts';

it("has the codes of docs/directory.md's table", () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/directory.md'), 'utf8');
  const rows = Object.entries(directoryCodes).map(
    ([code, { retryable, meaning }]) => `| \`${code}\` | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
  );
  const table = text.slice(text.indexOf('| code |'), text.indexOf('## Limits'));
  expect(table.trim().split('\n').slice(2)).toEqual(rows);
});
