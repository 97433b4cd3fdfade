// Builds the native addon into engine/dist when its sources changed. Plain JavaScript for Node 20, no packages:
// it runs before `npm ci` could have failed and before Node 24 is there.
//
//   node engine/build.mjs [--force] [--debug]
//
// Exit codes: 0 built or cached, 1 failed, 3 no cargo.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');
const addon = join(dist, `hayate-${process.platform}-${process.arch}.node`);
const stamp = `${addon}.stamp`;

const NO_CARGO =
  'cargo is not on the PATH. Install Rust 1.88 or newer (https://rustup.rs) and a C compiler (Debian: build-essential), ' +
  'then run `npm run engine`.';

const LIBRARY = { linux: 'libhayate_node.so', darwin: 'libhayate_node.dylib', win32: 'hayate_node.dll' };

/** Files that decide what is built: Rust sources, manifests, the lock, toolchain and cargo settings. Sorted. */
function sources(folder, found = []) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (['target', 'dist', 'tests', 'fuzz', 'testdata', 'node_modules'].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) sources(path, found);
    else if (/\.rs$|^Cargo\.(toml|lock)$|^rust-toolchain|^config\.toml$/.test(entry.name)) found.push(path);
  }
  return found.sort();
}

/** Panics and stack traces name crates and files, not folders of the machine that built them. */
const NAMED = [
  [join(process.env.CARGO_HOME || join(homedir(), '.cargo'), 'registry', 'src'), '/crates'],
  [here, '/hayate/engine'],
];

/** In the form that may hold spaces. */
function rustFlags() {
  const given = (process.env.RUSTFLAGS ?? '').split(/\s+/).filter(Boolean);
  return [...given, ...NAMED.map(([from, to]) => `--remap-path-prefix=${from}=${to}`)].join('\x1f');
}

/** For the C in ring; cc splits them at spaces. */
function cFlags() {
  const given = process.env.CFLAGS ? [process.env.CFLAGS] : [];
  if (process.platform === 'win32' || NAMED.some(([from]) => /\s/.test(from))) return given.join(' ');
  return [...given, ...NAMED.map(([from, to]) => `-ffile-prefix-map=${from}=${to}`)].join(' ');
}

function fingerprint(rustc, profile) {
  const named = NAMED.map(([, to]) => to).join();
  const hash = createHash('sha256').update(`${rustc}\n${profile}\n${process.env.RUSTFLAGS ?? ''}\n${named} in C too\n`);
  for (const path of sources(here))
    hash
      .update(`${relative(here, path)}\n`)
      .update(readFileSync(path))
      .update('\n');
  return hash.digest('hex');
}

function version(command) {
  const run = spawnSync(command, ['--version', '--verbose'], { encoding: 'utf8', cwd: here });
  return run.status === 0 ? run.stdout.trim() : undefined;
}

/** Runs cargo. On a terminal its own progress shows; elsewhere one line each 15 s, and all output when it fails. */
function cargo(args, log) {
  const tty = process.stderr.isTTY === true;
  return new Promise((resolve) => {
    const child = spawn('cargo', args, {
      cwd: here,
      env: { ...process.env, CARGO_ENCODED_RUSTFLAGS: rustFlags(), CFLAGS: cFlags() },
      stdio: ['ignore', tty ? 'inherit' : 'pipe', tty ? 'inherit' : 'pipe'],
    });
    const since = Date.now();
    let text = '';
    let crates = 0;
    let last = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk) => {
        text = (text + chunk).slice(-200_000);
        for (const [, name] of chunk.matchAll(/^\s+Compiling (\S+)/gm)) {
          crates += 1;
          last = name;
        }
      });
    }
    const progress = setInterval(() => {
      const compiled = crates > 0 ? `, ${crates} crates, at ${last}` : '';
      if (!tty) log(`building the engine: ${Math.round((Date.now() - since) / 1000)} s${compiled}`);
    }, 15_000);
    const done = (code) => {
      clearInterval(progress);
      resolve({ code, text });
    };
    child.on('error', (error) => {
      text += `${error.message}\n`;
      done(127);
    });
    child.on('close', (code) => done(code ?? 1));
  });
}

/** cargo's target folder: CARGO_TARGET_DIR (relative to where we are started), else engine/target. */
function targetFolder() {
  const set = process.env.CARGO_TARGET_DIR;
  if (!set) return join(here, 'target');
  return isAbsolute(set) ? set : join(process.cwd(), set);
}

/**
 * Builds or finds the addon.
 * `status`: 'built' and 'cached' (with `path`), 'no-cargo' and 'failed' (with `reason`). Never throws, prints by `log`.
 */
export async function buildEngine({
  force = false,
  debug = false,
  log = (line) => process.stderr.write(`${line}\n`),
} = {}) {
  const library = LIBRARY[process.platform];
  if (!library) return { status: 'failed', reason: `no engine for the platform ${process.platform}` };
  const rustc = version('rustc');
  if (rustc === undefined || version('cargo') === undefined) return { status: 'no-cargo', reason: NO_CARGO };

  const profile = debug ? 'dev' : 'release';
  const print = fingerprint(rustc, profile);
  if (!force && existsSync(addon) && existsSync(stamp) && readFileSync(stamp, 'utf8') === print) {
    return { status: 'cached', path: addon };
  }

  const since = Date.now();
  const target = targetFolder();
  const cold = existsSync(join(target, debug ? 'debug' : 'release')) ? '' : ' (the first time takes minutes)';
  log(`building the engine, cargo build --profile ${profile}${cold} ...`);
  const { code, text } = await cargo(
    ['build', '--profile', profile, '--locked', '-p', 'hayate-node', '--target-dir', target],
    log,
  );
  if (code !== 0) {
    if (text) log(text.trimEnd());
    return { status: 'failed', reason: `cargo ended with code ${code}` };
  }
  try {
    mkdirSync(dist, { recursive: true });
    // A running process may have the old file mapped: a rename gives it a new inode instead of changing its pages.
    const fresh = `${addon}.${process.pid}`;
    rmSync(stamp, { force: true });
    copyFileSync(join(target, debug ? 'debug' : 'release', library), fresh);
    renameSync(fresh, addon);
    writeFileSync(stamp, print);
  } catch (error) {
    return { status: 'failed', reason: error.message };
  }
  log(`engine built in ${((Date.now() - since) / 1000).toFixed(1)} s: ${relative(process.cwd(), addon)}`);
  return { status: 'built', path: addon };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await buildEngine({
    force: process.argv.includes('--force'),
    debug: process.argv.includes('--debug'),
  });
  if (result.status === 'cached')
    process.stderr.write(`the engine is up to date: ${relative(process.cwd(), result.path)}\n`);
  if (result.reason) process.stderr.write(`${result.reason}\n`);
  process.exitCode = { built: 0, cached: 0, failed: 1, 'no-cargo': 3 }[result.status];
}
