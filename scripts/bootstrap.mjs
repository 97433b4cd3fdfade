// The one door of a fresh clone: `npm start`, `npm test`, `npm run check | claims | bench | lab | fake-linode | faults | fuzz | audit | data | docs:api | release | hayate | engine`.
// Runs on the system's Node (20 or newer); everything behind it runs on the Node 24 that npm installs.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = join(root, 'node_modules', '.bin');
const say = (text) => process.stderr.write(`hayate: ${text}\n`);

/** Runs a program with this terminal; resolves with its exit code (128 + signal number when killed). */
function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    // Ctrl-C reaches the whole process group by itself; a SIGTERM for this process alone must be passed on.
    const pass = () => child.kill('SIGTERM');
    const ignore = () => {};
    process.on('SIGTERM', pass);
    process.on('SIGINT', ignore);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', pass);
      process.off('SIGINT', ignore);
      resolve(code ?? 128 + (signal === 'SIGKILL' ? 9 : 15));
    });
  });
}

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** `npm ci` when node_modules does not match package-lock.json. */
async function ensureModules() {
  const lock = join(root, 'package-lock.json');
  const stamp = join(root, 'node_modules', '.hayate-lock');
  const npmsOwn = join(root, 'node_modules', '.package-lock.json');
  const hash = createHash('sha256').update(readFileSync(lock)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  // Somebody ran npm by hand after the lock changed: that is as good.
  if (existsSync(npmsOwn) && statSync(npmsOwn).mtimeMs >= statSync(lock).mtimeMs) {
    writeFileSync(stamp, hash);
    return;
  }
  const since = Date.now();
  say('installing packages (npm ci) ...');
  const code = await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (code !== 0) {
    say('npm ci failed. Is the npm registry reachable? Run `npm ci` by hand to see more.');
    process.exit(code);
  }
  writeFileSync(stamp, hash);
  say(`packages installed in ${seconds(since)}`);
}

/** Builds the native engine when its sources changed. Returns false where cargo is missing. */
async function ensureEngine({ force = false } = {}) {
  if (process.env.HAYATE_NO_ENGINE === '1') {
    say('HAYATE_NO_ENGINE=1: the native engine is hidden');
    return false;
  }
  const { buildEngine } = await import('../engine/build.mjs');
  const result = await buildEngine({ force, log: say });
  if (result.status === 'failed') {
    say(`the engine does not build: ${result.reason ?? 'see the compiler output above'}`);
    process.exit(1);
  }
  if (result.status === 'no-cargo') {
    say('no cargo here: continuing on the WebSocket fallback. For the engine install Rust (https://rustup.rs).');
    return false;
  }
  return true;
}

/** The command, with Node's flags of its first line. */
function hayate(args) {
  const file = 'cli/bin/hayate.ts';
  const [first] = readFileSync(file, 'utf8').split('\n', 1);
  return node([...first.split(' ').filter((word) => word.startsWith('--')), file, ...args]);
}

function node(args, options) {
  const own = join(bin, 'node');
  return run(existsSync(own) ? own : process.execPath, args, {
    ...options,
    env: { ...process.env, ...(options?.env ?? {}), PATH: `${bin}:${process.env.PATH}` },
  });
}

const commands = {
  setup: async () => {
    await ensureModules();
    await ensureEngine();
    return 0;
  },
  engine: async (args) => {
    await ensureEngine({ force: args.includes('--force') });
    return 0;
  },
  start: async (args) => {
    await ensureModules();
    await ensureEngine();
    return hayate(['demo', ...args]);
  },
  hayate: async (args) => {
    await ensureModules();
    await ensureEngine();
    return hayate(args);
  },
  test: async (args) => {
    await ensureModules();
    const engine = await ensureEngine();
    return node(['scripts/test.ts', ...(engine ? [] : ['--no-engine']), ...args]);
  },
  check: async (args) => {
    await ensureModules();
    return node(['scripts/check.ts', ...args]);
  },
  claims: async (args) => {
    await ensureModules();
    await ensureEngine();
    return node(['lab/claims/run.ts', ...args]);
  },
  bench: async (args) => {
    await ensureModules();
    await ensureEngine();
    return node(['lab/bench/run.ts', ...args]);
  },
  lab: async (args) => {
    await ensureModules();
    const [what, ...rest] = args;
    if (what === 'day') return node(['lab/day/run.ts', ...rest]);
    await ensureEngine();
    if (what === 'screenshots') return node(['lab/demo/screenshots.ts', ...rest]);
    if (what === 'soak') return node(['lab/soak/run.ts', ...rest]);
    return node(['lab/regions/run.ts', ...args]);
  },
  'fake-linode': async (args) => {
    await ensureModules();
    return node(['lab/fleet/fake-linode.ts', ...args]);
  },
  faults: async (args) => {
    await ensureModules();
    return node(['lab/faults/run.ts', ...args]);
  },
  fuzz: async (args) => {
    await ensureModules();
    return node(['lab/fuzz/run.ts', ...args]);
  },
  'docs:api': async (args) => {
    await ensureModules();
    return node(['scripts/api/run.ts', ...args]);
  },
  release: async (args) => {
    await ensureModules();
    if (!(await ensureEngine())) return 1;
    const script = args.includes('--npm') ? 'infra/release/npm/npm.ts' : 'infra/release/release.ts';
    return node([script, ...args.filter((arg) => arg !== '--npm')]);
  },
  audit: async (args) => {
    await ensureModules();
    return node(['scripts/audit.ts', ...args]);
  },
  data: async (args) => {
    await ensureModules();
    // Lets fetch() go through the proxy of HTTPS_PROXY.
    return node(['scripts/data.ts', ...args], { env: { NODE_USE_ENV_PROXY: '1' } });
  },
};

const [verb, ...rest] = process.argv.slice(2);
const command = Object.hasOwn(commands, verb ?? '') ? commands[verb] : undefined;
if (!command) {
  say(`usage: node scripts/bootstrap.mjs ${Object.keys(commands).join(' | ')}`);
  process.exit(2);
}
process.exitCode = await command(rest);
