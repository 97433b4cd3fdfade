import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ledgerCodes } from './index.ts';

it("has the codes of docs/gifts.md's table", () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/gifts.md'), 'utf8');
  const rows = Object.entries(ledgerCodes).map(
    ([code, { retryable, meaning }]) => `| \`${code}\` | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
  );
  const table = text.slice(text.indexOf('| code |'), text.indexOf('## How it is tried'));
  expect(table.trim().split('\n').slice(2)).toEqual(rows);
});
