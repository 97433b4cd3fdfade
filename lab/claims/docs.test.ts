import { expect, test } from 'vitest';
import { currentDocs, renderDocs } from './docs.ts';
import { claims } from './registry.ts';

test('docs/claims.md is what the committed results say', () => {
  expect(currentDocs()).toBe(renderDocs());
});

test('claim ids are unique and well formed', () => {
  const ids = claims.map((c) => c.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[a-z]+\.\d+$/);
});
