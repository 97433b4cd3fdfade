import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A program that Go builds, or why there is none. */
export type GoBinary = { path: string } | { skip: string };

const CACHE = join(homedir(), '.cache/hayate');
const BUILD_MS = 240_000;

const found = new Map<string, Promise<GoBinary>>();

/** Built once a machine and version by `go install PACKAGE@VERSION`; the program has the package's last name but for `/v2`. */
export function goBinary(cache: string, packagePath: string, version: string): Promise<GoBinary> {
  const module = `${packagePath}@${version}`;
  const name = packagePath
    .replace(/\/v\d+$/, '')
    .split('/')
    .at(-1)!;
  const known = found.get(module) ?? build(join(CACHE, cache, version), name, module);
  found.set(module, known);
  return known;
}

async function build(folder: string, name: string, module: string): Promise<GoBinary> {
  const path = join(folder, name);
  if (existsSync(path)) return { path };
  mkdirSync(folder, { recursive: true });
  const failed = await new Promise<string | undefined>((resolve) => {
    const env = { ...process.env, GOBIN: folder };
    execFile('go', ['install', module], { env, timeout: BUILD_MS }, (error, _out, err) =>
      resolve(error ? err.trim().split('\n').at(-1) || error.message : undefined),
    );
  });
  if (failed === undefined) return { path };
  return { skip: `no ${name}: \`go install ${module}\` says: ${failed}` };
}
