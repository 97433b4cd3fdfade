// npm run release -- --npm [--dirty] [--out FOLDER]: dist/npm/*.tgz and dist/npm/SHA256SUMS, from what is committed.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PREBUILT } from '../../../engine/src/binary.ts';
import { pack, sha256 } from '../archive.ts';
import { crates } from '../crates.ts';
import { missing } from '../files.ts';
import { licenceTexts } from '../licences.ts';
import { audit, type Tarball } from './audit.ts';
import { compile } from './compile.ts';
import {
  binaryManifest,
  entriesOf,
  type Manifest,
  namesOf,
  packedManifest,
  packedReadme,
  tarballName,
} from './manifest.ts';
import { COMPILED, SOURCES, type Source } from './packages.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const { values: options } = parseArgs({
  options: { dirty: { type: 'boolean', default: false }, out: { type: 'string' } },
});
const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const say = (text: string) => process.stderr.write(`release: ${text}\n`);

/** Names of cargo's targets for `process.platform-process.arch`. */
const TARGETS: Readonly<Record<string, string>> = { 'linux-x64': 'x86_64-unknown-linux-gnu' };

if (!options.dirty && git('status', '--porcelain') !== '')
  fail('there is something uncommitted; --dirty releases it all the same');
for (const platform of PREBUILT) {
  if (!existsSync(join(root, addonOf(platform)))) fail(`${addonOf(platform)} is missing: npm run engine`);
}

const seconds = Number(git('log', '-1', '--format=%ct'));
const out = options.out ?? join(root, 'dist/npm');
const stage = join(out, 'stage');
rmSync(stage, { recursive: true, force: true });
mkdirSync(stage, { recursive: true });

const sources = SOURCES.map((source) => ({
  source,
  manifest: JSON.parse(read(`${source.folder}/package.json`)) as Manifest,
}));
say('compiling');
const code = join(stage, 'code');
mkdirSync(code);
compile(
  root,
  sources.flatMap(({ source, manifest }) => entriesOf(manifest, source).map((path) => `${source.folder}/${path}`)),
  Object.fromEntries(sources.flatMap(({ source, manifest }) => namesOf(manifest, source))),
  code,
);

const staged: { name: string; version: string; folder: string }[] = [];
for (const { source, manifest } of sources) {
  const folder = stageSource(source, manifest);
  staged.push({ name: manifest.name, version: manifest.version, folder });
  if (source.folder !== 'engine') continue;
  for (const platform of PREBUILT) {
    const folder = stageBinary(manifest, platform);
    staged.push({ name: `${manifest.name}-${platform}`, version: manifest.version, folder });
  }
}

say('packing');
const packed: (Tarball & { version: string; sha256: string; bytes: number })[] = [];
for (const { name, version, folder } of staged) {
  const file = join(out, tarballName(name, version));
  await pack(join(stage, folder), 'package', seconds, file);
  packed.push({ name, version, file, sha256: await sha256(file), bytes: statSync(file).size });
}
rmSync(stage, { recursive: true, force: true });

say('checking');
const findings = await audit(packed);
if (findings.length > 0) fail(`the packages are not as they should be:\n${findings.join('\n')}`);
const sums = packed.map(({ sha256, name, version }) => `${sha256}  ${tarballName(name, version)}\n`);
writeFileSync(join(out, 'SHA256SUMS'), sums.sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join(''));
console.log(JSON.stringify({ out, packages: packed }));

function addonOf(platform: string): string {
  return `engine/dist/hayate-${platform}.node`;
}

/** `FOLDER/package` of the stage, whole. */
function stageSource(source: Source, manifest: Manifest): string {
  const { folder, assets = [], beside = [], papers = [] } = source;
  const top = join(stage, folder, 'package');
  mkdirSync(top, { recursive: true });
  renameSync(join(code, folder), join(top, COMPILED));
  // Nobody imports a package that is a command alone.
  if (!manifest.exports) for (const path of filesOf(top, '.d.ts')) rmSync(join(top, path));
  for (const path of Object.values(manifest.bin ?? {})) {
    chmodSync(join(top, COMPILED, path.replace(/\.ts$/, '.js')), 0o755);
  }
  for (const path of assets) {
    const target = join(top, COMPILED, path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(root, folder, path), target, { recursive: true });
  }
  for (const path of beside) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    copyFileSync(join(root, path), join(top, path));
  }
  writeJson(join(top, 'package.json'), packedManifest(manifest, source, folder === 'engine' ? PREBUILT : []));
  writeFileSync(join(top, 'README.md'), packedReadme(read(`${folder}/README.md`)));
  copyFileSync(join(root, 'LICENSE'), join(top, 'LICENSE'));
  for (const path of papers) copyFileSync(join(root, folder, path), join(top, path));
  const files = filesOf(top);
  const lost = missing(top, files);
  if (lost.length > 0) fail(`${manifest.name}: files are left out that others need:\n${lost.join('\n')}`);
  const tests = files.filter((path) => /\.test\.|\/(test|testing)\//.test(path));
  if (tests.length > 0) fail(`${manifest.name} has tests: ${tests.join(', ')}`);
  const telling = files.filter((path) => readFileSync(join(top, path), 'utf8').includes(root));
  if (telling.length > 0) fail(`${manifest.name} has paths of this machine: ${telling.join(', ')}`);
  return folder;
}

function stageBinary(engine: Manifest, platform: string): string {
  const folder = `engine-${platform}`;
  const top = join(stage, folder, 'package');
  mkdirSync(top, { recursive: true });
  copyFileSync(join(root, addonOf(platform)), join(top, 'hayate.node'));
  chmodSync(join(top, 'hayate.node'), 0o644);
  writeJson(join(top, 'package.json'), binaryManifest(engine, platform));
  const about = `The native addon for ${platform}. Install ${engine.name}, which takes this package where it fits.`;
  writeFileSync(join(top, 'README.md'), `# ${engine.name}-${platform}\n\n${about}\n`);
  copyFileSync(join(root, 'LICENSE'), join(top, 'LICENSE'));
  const parts = [...crates(root, TARGETS[platform]!).values()]
    .filter(({ name }) => !name.startsWith('hayate-'))
    .map(({ name, version, license, folder }) => ({ title: `${name}@${version} (crate)`, license, folder }));
  writeFileSync(join(top, 'THIRD_PARTY_LICENCES.txt'), licenceTexts(parts));
  return folder;
}

function filesOf(top: string, extension = ''): string[] {
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(extension) && statSync(join(top, path)).isFile())
    .sort();
}

function writeJson(file: string, value: object): void {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

function fail(reason: string): never {
  say(reason);
  process.exit(1);
}
