import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build as bundle } from 'esbuild';
import { Running, root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { type Compiling, Project, type Said } from './npm-project.ts';
import { type Registry, serveTarballs } from './npm-registry.ts';

interface Built {
  out: string;
  packages: { name: string; version: string; file: string; sha256: string; bytes: number }[];
}

const NODE_TYPES = { lib: ['es2024', 'esnext.disposable'], types: ['node'] };
const NODENEXT: Compiling = { module: 'nodenext', moduleResolution: 'nodenext', ...NODE_TYPES };
const BUNDLER: Compiling = { module: 'esnext', moduleResolution: 'bundler', ...NODE_TYPES };
const BROWSER: Compiling = {
  module: 'esnext',
  moduleResolution: 'bundler',
  customConditions: ['browser'],
  lib: ['es2024', 'esnext.disposable', 'dom', 'dom.iterable', 'dom.asynciterable'],
  types: [],
};

async function pack(out: string): Promise<Built> {
  const script = join(root, 'infra/release/npm/npm.ts');
  const child = new Running(process.execPath, [script, '--dirty', '--out', out]);
  if ((await child.exited) !== 0) throw new Error(`no packages: ${child.stderr.slice(-8).join(' ')}`);
  return JSON.parse(child.stdout.at(-1)!) as Built;
}

const own = (said: Said) => said.out.split('\n').slice(0, 5).join(' ') + said.err.slice(-500);

function compiles(project: Project, checks: Checks): void {
  const ways = { nodenext: NODENEXT, bundler: BUNDLER } as const;
  const results: Record<string, string> = {};
  for (const [name, options] of Object.entries(ways)) {
    for (const file of ['app.ts', 'loadtest.ts']) {
      const said = project.compile(file, options);
      results[`${file} ${name}`] = said.code === 0 ? 'compiles' : 'does not';
      checks.check(said.code === 0, `tsc of ${file}, ${name}: ${own(said)}`);
    }
  }
  const page = project.compile('page.ts', BROWSER);
  results['page.ts with types of browsers alone'] = page.code === 0 ? 'compiles' : 'does not';
  checks.check(page.code === 0, `tsc of page.ts: ${own(page)}`);
  const typesOfNode = (file: string) => {
    const files = project.filesOf(file, BROWSER);
    checks.check(files.length > 0, `tsc lists no files of ${file}`);
    return files.filter((path) => path.includes('/@types/node/')).length;
  };
  results['page.ts reads files of @types/node'] = String(typesOfNode('page.ts'));
  checks.check(typesOfNode('page.ts') === 0, 'declarations of the browser entry lead to types of Node');
  project.write('node-page.ts', "import { startRelay } from '@hayate/relay';\nexport const start = startRelay;\n");
  const control = typesOfNode('node-page.ts');
  results['control: a page that imports the relay reads'] = String(control);
  checks.check(control > 0, 'the relay is found to need no types of Node, which it does');
  const declaration = join(project.path, 'node_modules/@hayate/client/dist/src/node.d.ts');
  renameSync(declaration, `${declaration}.away`);
  const untyped = project.compile('app.ts', NODENEXT);
  renameSync(`${declaration}.away`, declaration);
  results['control: without a declaration'] = untyped.code === 0 ? 'compiles' : 'does not';
  checks.check(untyped.code !== 0, 'app.ts compiles without the declarations of @hayate/client');
  checks.figure('tsc --strict, declarations checked', results);
}

/** What the SDK adds to a page, without a server's code. */
async function bundled(project: Project, checks: Checks): Promise<void> {
  const { outputFiles, metafile } = await bundle({
    entryPoints: [join(project.path, 'page.ts')],
    absWorkingDir: project.path,
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  const code = outputFiles[0]!.contents;
  checks.figure('the SDK in a page, kB', {
    minified: Math.round(code.byteLength / 100) / 10,
    gzip: Math.round(gzipSync(code, { level: 9 }).byteLength / 100) / 10,
  });
  const servers = Object.keys(metafile.inputs).filter((path) => /@hayate\/(engine|relay)\//.test(path));
  checks.check(servers.length === 0, `a page holds ${servers.join(', ')}`);
}

async function runs(project: Project, checks: Checks): Promise<void> {
  const app = await project.run('node', 'app.ts', join(project.path, 'state'));
  checks.check(app.code === 0, `app.ts ended with ${app.code}: ${app.err.slice(-800)}`);
  if (app.code === 0) {
    const seen = JSON.parse(app.out) as {
      codec: number;
      transport: string;
      sent: number;
      shown: number;
      pageBytes: number[];
    };
    checks.figure('app.ts', seen);
    checks.check(
      seen.codec === 120 && seen.transport === 'engine' && seen.sent === 120 && seen.shown === 120,
      `app.ts: ${app.out}`,
    );
    checks.check(seen.pageBytes[0]! > 200 && seen.pageBytes[1]! > 200_000, `the page is not there: ${app.out}`);
  }
}

async function commands(project: Project, checks: Checks): Promise<void> {
  const help = await project.run('npx', '--no-install', 'hayate', '--help');
  checks.check(help.code === 0 && help.out.includes('loadtest'), `hayate --help: ${help.code} ${help.err}`);
  const state = ['--state-dir', join(project.path, 'relay')];
  const ports = ['listen', 'http', 'metrics', 'api'].flatMap((name) => [`--${name}-port`, '0']);
  const relay = project.start('npx', '--no-install', 'hayate', 'relay', '--dev', '--json', ...state, ...ports);
  try {
    const ready = JSON.parse((await relay.line(/"event":"ready"/, 60_000)).input) as { transport: string };
    const [report, exported] = ['report.html', 'summary.json'];
    const test = await project.run(
      ...(['npx', '--no-install', 'hayate', 'loadtest', 'run', 'loadtest.ts', '--quiet'] as const),
      ...['--report', report, '--summary-export', exported, '--env', `HAYATE_RELAY_STATE_DIR=${state[1]}`],
    );
    checks.check(test.code === 0, `hayate loadtest: ${test.code} ${test.out.slice(-500)} ${test.err}`);
    if (test.code !== 0) return;
    const { metrics } = JSON.parse(project.read(exported)) as { metrics: Record<string, Record<string, number>> };
    const { passes = 0, fails = 0 } = metrics['gift_lost'] ?? {};
    const gifts = passes + fails;
    const html = project.read(report);
    checks.figure('npx hayate', { relay: ready.transport, loadtest: test.code, gifts, reportBytes: html.length });
    checks.check(gifts > 0, `no gift was counted: ${JSON.stringify(metrics['gift_lost'])}`);
    checks.check(html.includes('uPlot') && html.length > 50_000, 'the report has no plots');
  } finally {
    await relay.stop();
  }
}

/** The same program where npm left the binary out. */
async function withoutBinary(project: Project, checks: Checks): Promise<void> {
  rmSync(join(project.path, 'node_modules/@hayate/engine-linux-x64'), { recursive: true });
  const app = await project.run('node', 'app.ts', join(project.path, 'state'));
  const said = /the native engine is not installed: .*/.exec(app.err)?.[0];
  checks.figure('control: without @hayate/engine-linux-x64', { exit: app.code, said });
  checks.check(app.code !== 0 && said !== undefined, `without its binary: ${app.code} ${app.err.slice(-500)}`);
}

async function installed(built: Built, registry: Registry, context: ClaimContext, checks: Checks): Promise<void> {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const nodeTypes = devDependencies['@types/node']!;
  const named = built.packages.filter(({ name }) => name !== 'hayate' && !/engine-/.test(name));
  const command = built.packages.find(({ name }) => name === 'hayate')!;
  const dependencies = {
    ...Object.fromEntries(named.map(({ name, version }) => [name, version])),
    hayate: `file:${command.file}`,
    '@types/node': nodeTypes,
  };
  const project = new Project(dependencies, registry.url);
  try {
    const reachable = await project.run('npm', 'view', `@types/node@${nodeTypes}`, 'version', '--fetch-retries=0');
    if (reachable.code !== 0) {
      checks.skip(`installing: the npm registry is not reachable: ${reachable.err.split('\n')[0]}`);
      return;
    }
    const since = performance.now();
    const install = await project.run('npm', 'install', '--no-audit', '--no-fund', '--no-package-lock');
    if (install.code !== 0) throw new Error(`npm install ended with ${install.code}: ${install.err.slice(-1500)}`);
    checks.figure('npm install', {
      s: Math.round((performance.now() - since) / 100) / 10,
      from: registry.asked.length,
    });
    // The platform's package is nobody's direct dependency.
    const scope = readdirSync(join(project.path, 'node_modules/@hayate')).sort();
    checks.figure('installed', scope);
    checks.check(scope.includes('engine-linux-x64'), `npm took no binary: ${scope.join(', ')}`);
    context.log('compiling against them');
    compiles(project, checks);
    await bundled(project, checks);
    context.log('running them');
    await runs(project, checks);
    await commands(project, checks);
    await withoutBinary(project, checks);
  } finally {
    project.remove();
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const out = mkdtempSync(join(tmpdir(), 'hayate-npm-'));
  try {
    context.log('packing twice, with publint and attw');
    const [first, second] = [await pack(join(out, '1')), await pack(join(out, '2'))];
    checks.figure(
      'packages, kB',
      Object.fromEntries(first.packages.map(({ name, bytes }) => [name, Math.round(bytes / 1000)])),
    );
    const [sums, again] = [first, second].map(({ out }) => readFileSync(join(out, 'SHA256SUMS'), 'utf8'));
    checks.figure('the same bytes when packed again', sums === again);
    checks.check(sums === again, 'two packings of one commit differ');
    if (spawnSync('npm', ['--version']).status !== 0) {
      checks.skip('installing: no npm on this machine');
      return checks.outcome();
    }
    context.log('installing them in a project outside the checkout');
    const registry = await serveTarballs(first.packages.map(({ file }) => file));
    try {
      await installed(first, registry, context, checks);
    } finally {
      registry.close();
    }
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
  return checks.outcome();
}

export const npmPackages: Claim = {
  id: 'deploy.6',
  title:
    'npm packages: the same bytes when packed again, nothing that publint and attw find; installed in a project elsewhere, strict TypeScript compiles against them, a relay, a liver and a viewer run in one program, and `npx hayate` runs a load test',
  seconds: 150,
  run,
};
