import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const HAYATE = join(import.meta.dirname, 'bin/hayate.ts');

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-loadtest-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** A process of its own: what a script imports as k6 is a matter of Node's loader. `until` sends SIGINT when it is printed. */
function run(script: string, flags: string[] = [], until?: string): Promise<Ended> {
  const file = join(dir, 'script.ts');
  writeFileSync(file, script);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [HAYATE, 'loadtest', 'run', file, '--quiet', ...flags]);
    let out = '';
    let err = '';
    let told = false;
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString();
      if (until === undefined || told || !out.includes(until)) return;
      told = true;
      child.kill('SIGINT');
    });
    child.stderr.on('data', (data: Buffer) => {
      err += data.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const COUNTING = `
import { check, sleep } from 'k6';
import { Counter } from 'k6/metrics';
const hits = new Counter('hits');
export const options: Record<string, unknown> = { vus: 2, iterations: 4 };
export default async function () {
  hits.add(1);
  check(__VU, { 'is a VU': (id: number) => id > 0 });
  await sleep(0.01);
}
`;

// Each test is a process or two of Node, which take seconds each where the machine is busy.
describe('hayate loadtest run', { timeout: 90_000 }, () => {
  it('runs a script of k6 and prints its summary: 0', async () => {
    const { code, out, err } = await run(COUNTING);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/hits\.+: 4 /);
    expect(out).toContain('✓ is a VU');
  });

  it('a threshold that does not hold: 99, with the cross', async () => {
    const script = COUNTING.replace('iterations: 4', "iterations: 4, thresholds: { hits: ['count<2'] }");
    const { code, out, err } = await run(script);
    expect(code).toBe(99);
    expect(out).toContain("✗ 'count<2' count=4");
    expect(err).toContain("thresholds on metrics 'hits' have been crossed");
  });

  it.each([
    [
      'a threshold that is none',
      COUNTING.replace('iterations: 4', "iterations: 4, thresholds: { hits: ['p(101)<1'] }"),
      /p\(101\)/,
    ],
    [
      'a threshold on nothing',
      COUNTING.replace('iterations: 4', "iterations: 4, thresholds: { hit: ['count<1'] }"),
      /no metric/,
    ],
    ['an unknown option', COUNTING.replace('iterations', 'itterations'), /itterations/],
    [
      'a module of k6 that is not here',
      "import http from 'k6/http';\nexport default () => http;",
      /k6\/http is not here/,
    ],
    ['no default function', 'export const options = {};', /export default function/],
  ])('%s: 104', async (_, script, words) => {
    const { code, out, err } = await run(script);
    expect([code, out]).toEqual([104, '']);
    expect(err).toMatch(words);
  });

  it.each([
    ['throws while it loads', "throw new Error('broken at the start');"],
    ['is not there', undefined],
  ])('a script that %s: 107', async (_, script) => {
    const { code, err } = script === undefined ? await run("import './missing.ts';") : await run(script);
    expect(code).toBe(107);
    expect(err).toMatch(script === undefined ? /missing\.ts/ : /broken at the start/);
  });

  it('Ctrl-C: 105 with a whole summary', async () => {
    const script = `
      import { sleep } from 'k6';
      export const options = { vus: 3, duration: '60s' };
      export default async function () { console.log('ready'); await sleep(30); }`;
    const { code, out, err } = await run(script, [], 'ready');
    expect(code).toBe(105);
    expect(out).toContain('TOTAL RESULTS');
    expect(err).toContain('the test was interrupted');
  });

  it('exec.test.abort(): 108', async () => {
    const script = `import exec from 'k6/execution';\nexport default function () { exec.test.abort('enough'); }`;
    const { code, err } = await run(script);
    expect(code).toBe(108);
    expect(err).toContain('test aborted: enough');
  });

  it('flags go before the script; samples, export and handleSummary are written', async () => {
    const samples = join(dir, 'samples.json.gz');
    const exported = join(dir, 'export.json');
    const own = join(dir, 'own.txt');
    const script = `${COUNTING}
export function handleSummary(data: { metrics: { hits: { values: { count: number } } } }) {
  return { stdout: 'mine ' + data.metrics.hits.values.count, [__ENV.OWN!]: 'file' };
}
declare const __ENV: Record<string, string>;`;
    const flags = [
      '-i',
      '6',
      '-u',
      '3',
      '-e',
      `OWN=${own}`,
      '--tag',
      'run=1',
      '--out',
      `json=${samples}`,
      '--summary-export',
      exported,
    ];
    const { code, out } = await run(script, flags);
    expect([code, out]).toEqual([0, 'mine 6']);
    expect(readFileSync(own, 'utf8')).toBe('file');
    const lines = gunzipSync(readFileSync(samples))
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ type, metric }) => type === 'Metric' && metric === 'hits')).toHaveLength(1);
    const points = lines.filter(({ type, metric }) => type === 'Point' && metric === 'hits');
    expect(points).toHaveLength(6);
    expect(points[0].data).toMatchObject({ value: 1, tags: { group: '', scenario: 'default', run: '1' } });
    expect(JSON.parse(readFileSync(exported, 'utf8')).metrics.hits.count).toBe(6);
  });
});
