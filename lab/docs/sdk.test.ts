import { engineAvailable } from '@hayate/engine';
import { settings } from '@hayate/relay';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBrowsers } from '../browsers/index.ts';
import { blocksOf } from './blocks.ts';
import { examplesOf, readDocument } from './examples.ts';
import { differs } from './output.ts';
import { DOCUMENTED, openStage, type Stage } from './stage.ts';
import { usageOf } from './usage.ts';

/** docs/sdk.md: each example as it is printed, against what `npm start` runs; and an example of every public call. */

const { runs, shared, faults } = examplesOf(readDocument('docs/sdk.md'));
const files = [...runs, ...shared.map((block) => ({ file: block.file!, block }))];
const compiled = files.map(({ file }) => file).filter((file) => /\.tsx?$/.test(file));

const engine = engineAvailable();
const noEngine = engine.ok ? undefined : `no engine: ${engine.reason}`;
const reasons = {
  program: noEngine,
  page: noEngine ?? (findBrowsers().chromium === undefined ? 'no Chromium here' : undefined),
};
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
  for (const { file, block } of files) stage.write(file, block.text);
}, 150_000);
afterAll(() => stage?.close());

describe('docs/sdk.md', () => {
  test('every block runs, is taken by one that does, or is a command', () => {
    expect(faults).toEqual([]);
    expect(new Set(files.map(({ file }) => file)).size).toBe(files.length);
  });

  test('what stands for the backend is where `npm start` has it', () => {
    const port = settings.find(({ path }) => path === 'http.port')?.default;
    expect(`localhost:${port}`).toBe(DOCUMENTED);
    const asks = files.filter(({ block }) => block.text.includes('http://localhost:')).map(({ file }) => file);
    // errors.ts shows an address that can never work.
    expect(asks.sort()).toEqual(['errors.ts', 'plain.html', 'target.ts']);
    for (const { file, block } of files)
      if (file !== 'errors.ts') expect(block.text.replaceAll(DOCUMENTED, '')).not.toContain('localhost:');
  });

  for (const { file, place, printed } of runs) {
    test(`${file} (${place})`, { timeout: 120_000 }, async ({ skip }) => {
      if (reasons[place] !== undefined) skip(reasons[place]);
      expect(await stage[place](file, printed)).toBeUndefined();
    });
  }

  test('every public call of the SDK has an example, and all of them compile', { timeout: 120_000 }, () => {
    const { errors, calls, used } = usageOf(stage.folder, compiled);
    expect(errors).toEqual([]);
    expect(calls.filter((call) => !used.has(call))).toEqual([]);
    expect(calls.length).toBeGreaterThan(100);
  });
});

describe('what is wrong on purpose', () => {
  test('a public call without an example, and one that is none', { timeout: 120_000 }, () => {
    stage.write('more.ts', 'export const undocumented = () => 1;\nexport class Told { said(): void {} }\n');
    stage.write('wrong.ts', "import { watch } from '@hayate/client';\nwatch({ adress: 1 }).frame(); // LagHistogram\n");
    const less = compiled.filter((file) => file !== 'stats.ts');
    const all = usageOf(stage.folder, compiled);
    const { errors, calls, used } = usageOf(stage.folder, [...less, 'wrong.ts'], ['./more.ts']);
    const without = calls.filter((call) => !used.has(call) && (all.used.has(call) || !all.calls.includes(call)));
    expect(without).toEqual([
      ...['Watcher.onFrame', 'Watcher.stats'],
      ...['LagHistogram', 'LagHistogram.count', 'LagHistogram.record', 'LagHistogram.percentile'],
      ...['undocumented', 'Told', 'Told.said'],
    ]);
    expect(errors).toHaveLength(2);
    expect(errors.join()).toMatch(/wrong\.ts: .*adress.*wrong\.ts: .*frame/);
  });

  test('a program that prints something else, and one that fails', { timeout: 120_000 }, async () => {
    stage.write('other.ts', "console.log('1 line');\nconsole.log('another');\n");
    expect(await stage.program('other.ts', '~7 line\nanother\n')).toBeUndefined();
    expect(await stage.program('other.ts', '2 line\nanother\n')).toMatch(
      'the document says "2 line", and "1 line" came',
    );
    expect(await stage.program('other.ts', '1 line\n')).toMatch('line 2 is not in the document: another');
    stage.write('fails.ts', "console.log('1 line');\nthrow new Error('no');\n");
    expect(await stage.program('fails.ts', '1 line\n')).toMatch(/exit code 1\n.*Error: no/s);
  });

  test('a page that shows something else', { timeout: 120_000 }, async ({ skip }) => {
    if (reasons.page !== undefined) skip(reasons.page);
    stage.write('other-page.ts', "document.body.textContent = 'a face';\n");
    expect(await stage.page('other-page.ts', 'a face\n')).toBeUndefined();
    expect(await stage.page('other-page.ts', 'two faces\n', 500)).toMatch('"a face" came');
  });

  test.each([
    ['~5 ms', '-17 ms', undefined],
    ['~0.5 ms', '17.3 ms', undefined],
    ['~0.5 ms', '17 ms', 'line 1'],
    ['~5 ms', 'NaN ms', 'line 1'],
    ['5 ms', '6 ms', 'line 1'],
    ['a (b)', 'a b', 'line 1'],
    ['a\nb', 'a', 'line 2 did not come: b'],
  ])('output: %j against %j', (printed, came, wrong) => {
    if (wrong === undefined) expect(differs(printed, came)).toBeUndefined();
    else expect(differs(printed, came)).toContain(wrong);
  });

  test('blocks that nothing runs', () => {
    const document = [
      '```ts',
      '// a.ts',
      '```',
      '',
      '```ts',
      'x',
      '```',
      '```text',
      '1',
      '```',
      '```rust',
      '```',
      '```text',
      '```',
    ];
    const blocks = blocksOf('d.md', document.join('\n'));
    expect(examplesOf(blocks).faults).toEqual([
      'd.md:1: a.ts has no output beside it, and no other file takes it',
      'd.md:5: a file without a name: x',
      'd.md:11: nobody runs rust',
      'd.md:13: output of nothing',
    ]);
    expect(() => blocksOf('d.md', '# a\n```ts\n')).toThrow('d.md:2: a block that does not end');
  });
});
