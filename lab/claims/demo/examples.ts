import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineAvailable } from '@hayate/engine';
import { findBrowsers, launchChromium } from '../../browsers/index.ts';
import { toneFile } from '../../browsers/tone.ts';
import { type CommandPlan, type DocumentOptions, runDocument } from '../../docs/documents.ts';
import { readDocument } from '../../docs/examples.ts';
import { followGuide } from '../../docs/guide.ts';
import { openStage } from '../../docs/stage.ts';
import type { Tally } from '../../docs/tally.ts';
import { faceCsv } from '../../lib/face-csv.ts';
import { vitestResults } from '../../lib/vitest.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

/** The first one has the file that the others share. */
const DOCUMENTS = ['docs/sdk.md', 'client/README.md', 'README.md', 'demo/README.md'];
const GUIDE = 'docs/guide.md';
/** Files of client/examples, each by its test. */
const EXAMPLES = 'lab/sdk/examples.test.ts';
const WAIT_MS = 30_000;

const PLANS: [RegExp, CommandPlan][] = [
  [/^npm (start|test)$/, { elsewhere: 'claim relay.1 runs it in a fresh clone' }],
  [/^npm run lab\b/, { elsewhere: 'claim regions.1 runs these relays' }],
  [/^npx hayate loadtest\b/, { elsewhere: 'claim loadtest.1 runs each of these scripts' }],
  [/^npx hayate relay --dev$/, { elsewhere: 'its ports may be taken; each claim with a relay runs it on free ones' }],
  [/^npm run (check|claims|bench)\b/, { elsewhere: 'not of the SDK; `npm run check` holds each commit' }],
  [/^npx esbuild /, { says: /http:\/\/127\.0\.0\.1:\d+/, in: 'checkout' }],
  [/^npx hayate watch /, { says: /\d ms/, in: 'examples' }],
  [/^npx hayate publish /, { says: /live/, in: 'examples' }],
  [/^npx hayate codec-bench /, { says: /^total .* \d/, in: 'examples' }],
  [/^npx hayate --help$/, { says: /Usage: hayate/, in: 'examples' }],
  [/^npm run hayate -- demo --help$/, { says: /Usage: hayate demo/, in: 'checkout' }],
];

/** What differs from document to document on purpose: each must be noticed. */
const FAULTS: [name: string, from: RegExp, to: string][] = [
  ['another output', /HayateError invalid_argument/, 'HayateError invalid_arguments'],
  ['a call that is none', /ann\.requestToSpeak\(\)/, 'ann.askToSpeak()'],
  ['an output that nobody prints', /61 channels, ~/, '62 channels, ~'],
];

function report(checks: Checks, document: string, { blocks, ran, compared, notRun, wrong }: Tally): void {
  checks.figure(document, { blocks, ran: ran.length, outputs_compared: compared, not_run: notRun });
  for (const each of wrong) checks.check(false, each);
}

/** What the guide tells its reader to do in browsers. */
async function visit(origin: string, folder: string): Promise<string | undefined> {
  const liver = await launchChromium({ fakeMic: toneFile(folder) });
  const viewer = await launchChromium();
  try {
    await viewer.goto(`${origin}/viewer?user=ann`);
    const picture = "document.querySelector('canvas').toDataURL()";
    const blank = await viewer.evaluate<string>(picture);
    // The control: nobody speaks yet.
    if ((await viewer.evaluate("document.querySelector('#live').textContent")) !== 'nobody is live')
      return 'somebody is live';
    await liver.goto(`${origin}/liver`);
    await liver.evaluate("(document.querySelector('button').click(), 0)");
    await liver.waitFor("document.querySelector('button').textContent === 'live'", WAIT_MS);
    await viewer.waitFor("document.querySelector('#live').textContent === 'mio is live'", WAIT_MS);
    await viewer.waitFor(`${picture} !== ${JSON.stringify(blank)}`, WAIT_MS);
    const face = await viewer.evaluate<string>(picture);
    await viewer.waitFor(`${picture} !== ${JSON.stringify(face)}`, WAIT_MS);
    await viewer.evaluate("(document.querySelector('button').click(), 0)");
    await viewer.waitFor("document.querySelector('li')?.textContent === 'ann: star'", WAIT_MS);
    return undefined;
  } finally {
    await liver.close();
    await viewer.close();
  }
}

async function documents(checks: Checks, { log }: ClaimContext): Promise<void> {
  const engine = engineAvailable();
  const noEngine = engine.ok ? undefined : `no engine: ${engine.reason}`;
  const options: DocumentOptions = {
    reasons: { program: noEngine, page: noEngine ?? (findBrowsers().chromium ? undefined : 'no Chromium here') },
    left: ({ document, language, heading, text }) => {
      if (language === '' && !/^np[mx] /.test(text)) return 'a drawing';
      const inside = document === 'demo/README.md' && language === 'ts' && heading !== 'API (Node)';
      return inside ? "lines of the page's own code, which its tests run" : undefined;
    },
    planOf: (command) => PLANS.find(([pattern]) => pattern.test(command))?.[1],
  };
  const stage = await openStage();
  try {
    writeFileSync(join(stage.folder, 'recording.csv'), faceCsv(150, 30));
    for (const document of DOCUMENTS) {
      log(document);
      // That of the demo shows calls alone.
      const silent = document === 'demo/README.md';
      report(checks, document, await runDocument(stage, readDocument(document), { ...options, silent }));
    }
    for (const [name, from, to] of FAULTS) {
      const blocks = DOCUMENTS.flatMap(readDocument);
      const at = blocks.findIndex(({ text }) => from.test(text));
      checks.check(at >= 0, `control "${name}" finds nothing to break`);
      if (at < 0 || noEngine !== undefined) continue;
      // The example alone: its code, and its output where it has one.
      const code = blocks[at]!.language === 'text' ? at - 1 : at;
      const broken = blocks.slice(code, code + 2).map((block) => ({ ...block, text: block.text.replace(from, to) }));
      const { wrong } = await runDocument(stage, broken, options);
      checks.figure(
        `control: ${name}`,
        wrong.map((text) => text.split('\n', 1)[0]),
      );
      checks.check(wrong.length > 0, `control "${name}" was not noticed`);
    }
  } finally {
    await stage.close();
  }
}

async function examples(checks: Checks): Promise<void> {
  const results = (await vitestResults([EXAMPLES]))[EXAMPLES];
  const { passed = [], failed = [], skipped = [] } = results ?? {};
  checks.figure('client/examples', { ran: passed, not_run: skipped });
  for (const name of failed) checks.check(false, `client/examples: ${name}`);
  for (const name of skipped) checks.skip(`client/examples: ${name}`);
  checks.check(passed.length > 0, 'client/examples: nothing ran');
}

async function guide(checks: Checks, { log }: ClaimContext): Promise<void> {
  if (spawnSync('npm', ['--version']).status !== 0) return checks.skip(`${GUIDE}: no npm on this machine`);
  const reachable = spawnSync('npm', ['view', 'hono@4.13.19', 'version', '--fetch-retries=0'], { encoding: 'utf8' });
  if (reachable.status !== 0) return checks.skip(`${GUIDE}: the npm registry is not reachable`);
  if (!engineAvailable().ok) return checks.skip(`${GUIDE}: no engine to pack`);
  if (!findBrowsers().chromium) return checks.skip(`${GUIDE}: no Chromium here`);
  report(checks, GUIDE, await followGuide(readDocument(GUIDE), visit, log));
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const parts: [string, () => Promise<void>][] = [
    ['documents', () => documents(checks, context)],
    ['examples', () => examples(checks)],
    ['guide', () => guide(checks, context)],
  ];
  for (const [name, part] of parts) {
    if (context.only.length === 0 || context.only.some((each) => name.includes(each))) await part();
  }
  return checks.outcome();
}

export const documentedExamples: Claim = {
  id: 'demo.4',
  title:
    'Each documented example runs as it is printed: every call of the SDK, the guide from an empty folder to an app with a backend, the READMEs and the files of client/examples',
  seconds: 200,
  run,
};
