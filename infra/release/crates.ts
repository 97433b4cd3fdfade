import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A Rust package that is linked into the engine. */
export interface Crate {
  name: string;
  version: string;
  /** SPDX expression, as its author wrote it. */
  license: string | undefined;
  /** SHA-256 of the crate by Cargo.lock, hex. */
  sha256: string | undefined;
  folder: string;
  /** Keys of `Crates`. */
  needs: string[];
}

interface Metadata {
  packages: {
    id: string;
    name: string;
    version: string;
    license: string | null;
    source: string | null;
    manifest_path: string;
  }[];
  resolve: { nodes: { id: string; deps: { pkg: string; dep_kinds: { kind: string | null }[] }[] }[] };
}

/** What the addon is linked from (no build or test dependencies), by `cargo metadata`; `root` is the checkout. */
export function crates(root: string, platform: string): Map<string, Crate> {
  const text = execFileSync('cargo', ['metadata', '--format-version', '1', '--locked', '--filter-platform', platform], {
    cwd: join(root, 'engine'),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return linked(JSON.parse(text) as Metadata, readFileSync(join(root, 'engine', 'Cargo.lock'), 'utf8'), 'hayate-node');
}

export function linked(metadata: Metadata, lock: string, top: string): Map<string, Crate> {
  const byId = new Map(metadata.packages.map((one) => [one.id, one]));
  const nodes = new Map(metadata.resolve.nodes.map((one) => [one.id, one]));
  const sums = new Map<string, string | undefined>(
    lock
      .split('[[package]]')
      .map((part) => [`${field(part, 'name')}@${field(part, 'version')}`, field(part, 'checksum')] as const),
  );
  const first = metadata.packages.find(({ name }) => name === top);
  if (!first) throw new Error(`cargo metadata has no ${top}`);
  const found = new Map<string, Crate>();
  const waiting = [first.id];
  while (waiting.length > 0) {
    const id = waiting.pop()!;
    const { name, version, license, manifest_path } = byId.get(id)!;
    const key = `${name}@${version}`;
    if (found.has(key)) continue;
    const deps = nodes.get(id)!.deps.filter(({ dep_kinds }) => dep_kinds.some(({ kind }) => kind === null));
    const needs = deps.map(({ pkg }) => `${byId.get(pkg)!.name}@${byId.get(pkg)!.version}`).sort();
    found.set(key, {
      name,
      version,
      license: license ?? undefined,
      sha256: sums.get(key),
      folder: dirname(manifest_path),
      needs,
    });
    waiting.push(...deps.map(({ pkg }) => pkg));
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const field = (part: string, name: string) => new RegExp(`^${name} = "(.*)"$`, 'm').exec(part)?.[1];
