import { createHash } from 'node:crypto';
import type { Crate } from './crates.ts';
import { type Closure, type Lock, nameOf } from './lock.ts';

export interface SbomInput {
  version: string;
  /** ISO 8601; of the commit, so that the same commit gives the same file. */
  timestamp: string;
  lock: Lock;
  closure: Closure;
  crates: Map<string, Crate>;
  /** Of the runtime in the archive. */
  node: string;
}

/** What is in the archive, as CycloneDX 1.6 JSON: npm packages, crates linked into the engine, Node. */
export function sbom({ version, timestamp, lock, closure, crates, node }: SbomInput): string {
  const npm = (path: string) => purl('npm', nameOf(path), lock.packages[path]!.version!);
  const ref = (path: string) => (path.startsWith('node_modules/') ? npm(path) : `workspace:${path}`);
  const top = `pkg:generic/hayate@${version}`;
  const runtime = `pkg:generic/node@${node}`;
  const components = [
    { type: 'platform', 'bom-ref': runtime, name: 'node', version: node, purl: runtime, ...licensed('MIT') },
    ...closure.workspaces.map((path) => ({
      type: 'library',
      'bom-ref': ref(path),
      name: path,
      version,
      ...licensed('MIT'),
    })),
    ...closure.packages.map((path) => {
      const { version, license, integrity } = lock.packages[path]!;
      return {
        type: 'library',
        'bom-ref': npm(path),
        name: nameOf(path),
        version,
        purl: npm(path),
        ...licensed(license),
        ...hashed(integrity),
      };
    }),
    ...[...crates.values()].map(({ name, version, license, sha256 }) => ({
      type: 'library',
      'bom-ref': purl('cargo', name, version),
      name,
      version,
      purl: purl('cargo', name, version),
      ...licensed(license),
      ...(sha256 === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
    })),
  ];
  const crateRef = (key: string) => purl('cargo', crates.get(key)!.name, crates.get(key)!.version);
  const dependencies = [
    { ref: top, dependsOn: [runtime, ...closure.workspaces.map(ref)] },
    ...Object.entries(closure.needs).map(([path, needs]) => ({
      ref: ref(path),
      dependsOn: [
        ...needs.map(ref),
        ...(path === 'engine' && crates.size > 0
          ? [crateRef([...crates.keys()].find((key) => key.startsWith('hayate-node@'))!)]
          : []),
      ],
    })),
    ...[...crates].map(([key, { needs }]) => ({ ref: crateRef(key), dependsOn: needs.map(crateRef) })),
  ];
  const body = {
    version: 1,
    metadata: {
      timestamp,
      component: { type: 'application', 'bom-ref': top, name: 'hayate', version, purl: top, ...licensed('MIT') },
    },
    components: unique(components),
    dependencies: merged(dependencies),
  };
  const digest = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  return `${JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: `urn:uuid:${uuid(digest)}`, ...body }, null, 1)}\n`;
}

function purl(kind: string, name: string, version: string): string {
  return `pkg:${kind}/${name.replace(/^@/, '%40')}@${version}`;
}

/** A single SPDX id or an expression. Old crates write a slash for OR. */
function licensed(license: string | undefined): object {
  if (license === undefined) return {};
  const text = license.replaceAll(/\s*\/\s*/g, ' OR ').replace(/^\((.*)\)$/, '$1');
  return { licenses: [/^[\w.+-]+$/.test(text) ? { license: { id: text } } : { expression: text }] };
}

/** npm's `sha512-BASE64`. */
function hashed(integrity: string | undefined): object {
  const hit = /^sha512-(.+)$/.exec(integrity ?? '');
  return hit ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(hit[1]!, 'base64').toString('hex') }] } : {};
}

/** The same package at two places of node_modules is one component. */
function unique<T extends { 'bom-ref': string }>(components: T[]): T[] {
  return [...new Map(components.map((one) => [one['bom-ref'], one])).values()];
}

function merged(dependencies: { ref: string; dependsOn: string[] }[]) {
  const by = new Map<string, Set<string>>();
  for (const { ref, dependsOn } of dependencies) by.set(ref, new Set([...(by.get(ref) ?? []), ...dependsOn]));
  return [...by].map(([ref, needs]) => ({ ref, dependsOn: [...needs].sort() }));
}

/** Version 8 (vendor-made), from a digest. */
function uuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
