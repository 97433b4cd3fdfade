import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const K6 = 'go.k6.io/k6@v1.8.1';
const SCRIPT = join(import.meta.dirname, 'portable.js');
const HAYATE = join(import.meta.dirname, '../../../cli/bin/hayate.ts');

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** `interruptAt`: sends SIGINT when this is printed. */
function call(command: string, args: string[], interruptAt?: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    let out = '';
    let err = '';
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      err += data.toString();
    });
    let interrupted = interruptAt === undefined;
    const look = () => {
      if (interrupted || !`${out}${err}`.includes(interruptAt!)) return;
      interrupted = true;
      child.kill('SIGINT');
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

/** The binary of real k6, built once a machine; undefined where that cannot be. */
async function findK6(context: ClaimContext): Promise<string | undefined> {
  const folder = join(homedir(), '.cache/hayate/k6', K6.split('@')[1]!);
  const binary = join(folder, 'k6');
  if (existsSync(binary)) return binary;
  context.log(`building ${K6} (some minutes, once)`);
  const built = await call('env', [`GOBIN=${folder}`, 'go', 'install', K6]).catch(() => undefined);
  return built?.code === 0 ? binary : undefined;
}

/** The summary with every figure that time decides as #; runs of dots and spaces as one. */
function shapeOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) =>
      line
        .replace(/-?\d[\d.]*(?:ns|µs|ms|s|m|h|%|(?= [kMG]?B))?/g, '#')
        .replace(/\.{2,}/g, '...')
        .replace(/ +/g, ' ')
        .trimEnd(),
    )
    .filter((line) => line !== '');
}

/** Paths of all values with their types: `metrics.iterations.values.count: number`. */
function pathsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [`${path}: ${typeof value}`];
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, entry]) => pathsOf(entry, `${path}.${key}`));
}

interface Sample {
  type: string;
  metric: string;
  data: { tags?: Record<string, string>; type?: string; contains?: string; thresholds?: string[] };
}

/** What each metric is, and which sets of tags its samples carry. */
function samplesOf(file: string): string[] {
  const seen = new Set<string>();
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const { type, metric, data } = JSON.parse(line) as Sample;
    if (type === 'Metric')
      seen.add(`${metric} is a ${data.type} of ${data.contains}, thresholds ${data.thresholds?.join(' ')}`);
    else seen.add(`${metric} ${JSON.stringify(Object.entries(data.tags ?? {}).sort())}`);
  }
  return [...seen].sort();
}

function differences(k6: string[], own: string[]): string[] {
  return [
    ...k6.filter((line) => !own.includes(line)).map((line) => `only k6: ${line}`),
    ...own.filter((line) => !k6.includes(line)).map((line) => `only here: ${line}`),
  ];
}

/** `full`: with scenarios and groups in the summary. */
const CODES: { what: string; interruptAt?: string; full?: true }[] = [
  { what: 'good', full: true },
  { what: 'crossed' },
  { what: 'init_throws' },
  { what: 'bad_expression' },
  { what: 'setup_hangs' },
  { what: 'aborts' },
  { what: 'iteration_throws' },
  { what: 'interrupted', interruptAt: 'under way' },
];

async function run(context: ClaimContext) {
  const checks = new Checks();
  const k6 = await findK6(context);
  if (k6 === undefined) {
    checks.skip(`real k6 cannot be built here: go is missing or \`go install ${K6}\` failed`);
    return checks.outcome();
  }
  const folder = mkdtempSync(join(tmpdir(), 'hayate-k6-'));
  const both = async (flags: (who: string) => string[], interruptAt?: string) => {
    const all = (who: string) => ['run', '--quiet', ...flags(who), SCRIPT];
    const real = await call(k6, all('k6'), interruptAt);
    return { real, own: await call(process.execPath, [HAYATE, 'loadtest', ...all('own')], interruptAt) };
  };
  const summaries: string[][] = [];
  try {
    for (const { what, interruptAt, full } of CODES) {
      context.log(`${what}: in k6, then here`);
      const { real, own } = await both(
        () => ['-e', `WHAT=${what}`, ...(full ? ['--summary-mode', 'full'] : [])],
        interruptAt,
      );
      checks.figure(`exit code, ${what}`, { k6: real.code, hayate: own.code });
      checks.check(real.code === own.code, `${what}: k6 ends with ${real.code}, this with ${own.code}`);
      if (what !== 'good' && what !== 'crossed') continue;
      summaries.push(shapeOf(own.out));
      const found = differences(shapeOf(real.out), shapeOf(own.out));
      checks.figure(`summary lines, ${what}`, { lines: shapeOf(real.out).length, different: found });
      checks.check(found.length === 0, `${what}: the summaries differ: ${found.slice(0, 4).join(' | ')}`);
      const order = shapeOf(real.out).join('\n') === shapeOf(own.out).join('\n');
      checks.check(order, `${what}: the lines of the summaries stand in another order`);
    }
    // The control: what does differ must be seen.
    const control = differences(summaries[0]!, summaries[1]!);
    checks.figure('control: good against crossed', control);
    checks.check(control.length > 0, 'the comparison does not see that a crossed threshold looks otherwise');
    context.log('handleSummary data and JSON output');
    const file = (who: string, kind: string) => join(folder, `${who}.${kind}`);
    await both((who) => ['-e', `SUMMARY=${file(who, 'summary')}`, '--out', `json=${file(who, 'json')}`]);
    const data = (who: string) => pathsOf(JSON.parse(readFileSync(file(who, 'summary'), 'utf8')));
    const paths = differences(data('k6'), data('own'));
    checks.figure('handleSummary data', { paths: data('k6').length, different: paths });
    checks.check(paths.length === 0, `the data of handleSummary differ: ${paths.slice(0, 4).join(' | ')}`);
    const samples = differences(samplesOf(file('k6', 'json')), samplesOf(file('own', 'json')));
    checks.figure('JSON output, metrics and tags', { kinds: samplesOf(file('k6', 'json')).length, different: samples });
    checks.check(samples.length === 0, `the JSON outputs differ: ${samples.slice(0, 4).join(' | ')}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return checks.outcome();
}

export const likeK6: Claim = {
  id: 'loadtest.3',
  title:
    'One script without HTTP in real k6 and here: exit codes, lines of the summary and their order, data of handleSummary, JSON output',
  seconds: 60,
  run,
};
