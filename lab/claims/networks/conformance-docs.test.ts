import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lastResult, page } from './conformance-docs.ts';

it('docs/conformance.md is what the committed result of networks.1 says', () => {
  expect(readFileSync(join(import.meta.dirname, '../../../docs/conformance.md'), 'utf8')).toBe(page(lastResult()));
});

it('a gap and a failure are told apart, each with its reason', () => {
  const text = page({
    id: 'networks.1',
    title: '',
    passed: false,
    skipped: ['Firefox (WebSocket): no Firefox here'],
    at: '2026-11-30T00:00:00.000Z',
    seconds: 1,
    commit: 'abc',
    machine: { cores: 2, cpu: 'x', kernel: 'k', node: 'n' } as never,
    load: { before: [], after: [] },
    figures: {
      here: { cells: { ready: 'passed', draining: 'gap: it has none' } },
      there: { make: 'Browser 1.2', cells: { ready: 'FAILED: it broke', draining: 'gap: it has none' } },
    },
  });
  expect(text).toContain('| here | there: Browser 1.2 |');
  expect(text).toMatch(/\| ready: [^|]+ \| yes \| \*\*no\*\* 1 \|/);
  expect(text).toMatch(/\| draining: [^|]+ \| gap 2 \| gap 2 \|/);
  expect(text).toContain('1. Failed: it broke\n2. it has none\n');
  expect(text).toContain('Not run: Firefox (WebSocket): no Firefox here.');
});
