import { join } from 'node:path/posix';
import { COMPILED, type Source } from './packages.ts';

type Target = string | { [condition: string]: Target };

/** A package.json, as far as a release reads it. */
export interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
  type: string;
  sideEffects?: boolean;
  exports?: Record<string, Target>;
  bin?: Record<string, string>;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  private?: boolean;
}

/** What the compiled code is written for. */
const NODE = '>=24';

/** `./src/a.ts` of a workspace is `./dist/src/a.js` of its package. */
const compiled = (path: string, extension: string) =>
  `./${COMPILED}/${path.replace(/^\.\//, '').replace(/\.ts$/, extension)}`;

/** Throws for a private workspace, and for a target that is no TypeScript. */
export function packedManifest(
  source: Manifest,
  { withheld, beside = [] }: Source,
  prebuilt: readonly string[] = [],
): object {
  const { name, version, description, license, type, sideEffects, bin, dependencies, private: secret } = source;
  if (secret) throw new Error(`${name} is private`);
  const exports = Object.entries(source.exports ?? {})
    .filter(([path]) => !withheld?.test(path))
    .map(([path, target]) => [path, packedTarget(target)] as const);
  const commands = Object.entries(bin ?? {}).map(([command, path]) => [command, compiled(path, '.js')] as const);
  const { peerDependencies: peers } = source;
  const optional = {
    ...source.optionalDependencies,
    ...Object.fromEntries(prebuilt.map((each) => [`${name}-${each}`, version])),
  };
  return {
    name,
    version,
    description,
    license,
    type,
    ...(sideEffects === undefined ? {} : { sideEffects }),
    engines: { node: NODE },
    ...(exports.length > 0 ? { exports: Object.fromEntries(exports) } : {}),
    ...(commands.length > 0 ? { bin: Object.fromEntries(commands) } : {}),
    files: [COMPILED, ...beside],
    ...(dependencies ? { dependencies } : {}),
    ...(peers ? { peerDependencies: peers } : {}),
    ...(source.peerDependenciesMeta ? { peerDependenciesMeta: source.peerDependenciesMeta } : {}),
    ...(Object.keys(optional).length > 0 ? { optionalDependencies: optional } : {}),
  };
}

/** Types stand before the code of the same condition: resolvers take the first that fits. */
function packedTarget(target: Target): Target {
  if (typeof target === 'string') {
    if (!target.endsWith('.ts')) throw new Error(`${target} is no TypeScript`);
    return { types: compiled(target, '.d.ts'), default: compiled(target, '.js') };
  }
  return Object.fromEntries(Object.entries(target).map(([condition, inner]) => [condition, packedTarget(inner)]));
}

/** Modules to compile of one workspace, relative to its folder. */
export function entriesOf({ exports = {}, bin = {} }: Manifest, { withheld, entries = [] }: Source): string[] {
  const shown = Object.entries(exports).filter(([path]) => !withheld?.test(path));
  const paths = [...shown.flatMap(([, target]) => leaves(target)), ...Object.values(bin), ...entries];
  return [...new Set(paths.map((path) => path.replace(/^\.\//, '')))];
}

/** `@hayate/client/voice` and its path under the root, for each export. Of conditions, what Node takes. */
export function namesOf({ name, exports = {} }: Manifest, { folder }: Source): [name: string, path: string][] {
  return Object.entries(exports).map(([path, target]) => [join(name, path), join(folder, leaves(target).at(-1)!)]);
}

const leaves = (target: Target): string[] =>
  typeof target === 'string' ? [target] : Object.values(target).flatMap(leaves);

/** The addon of one platform, `linux-x64`; npm installs it where `os`, `cpu` and `libc` fit. */
export function binaryManifest(engine: Manifest, platform: string): object {
  const [os = '', cpu = ''] = platform.split('-');
  return {
    name: `${engine.name}-${platform}`,
    version: engine.version,
    description: `The native addon of ${engine.name} for ${platform}.`,
    license: engine.license,
    type: 'commonjs',
    engines: { node: NODE },
    os: [os],
    cpu: [cpu],
    ...(os === 'linux' ? { libc: ['glibc'] } : {}),
    main: './hayate.node',
    files: ['hayate.node', 'THIRD_PARTY_LICENCES.txt'],
  };
}

/** `hayate-client-0.1.0.tgz`, as npm names it. */
export const tarballName = (name: string, version: string) =>
  `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;

/** Links to what only the repository has become their text. */
export function packedReadme(text: string): string {
  return text.replaceAll(/!?\[([^\]]+)\]\((?!https?:|#)[^)]+\)/g, '$1');
}
