/** The part of package-lock.json (version 3) that a release reads. */
export interface Lock {
  packages: Record<string, LockedPackage>;
}

interface LockedPackage {
  version?: string;
  license?: string;
  integrity?: string;
  /** A workspace's symlink: where it leads. */
  resolved?: string;
  link?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  os?: string | string[];
  cpu?: string | string[];
}

export interface Closure {
  /** Folders of workspaces, as `cli`. */
  workspaces: string[];
  /** Paths under the root, as `node_modules/zod`, sorted. */
  packages: string[];
  /** What each of both needs, by the same paths. */
  needs: Record<string, string[]>;
}

/**
 * Everything that `workspace` needs at run time on `os` and `cpu`. Optional packages of other platforms stay out.
 * Throws for a dependency that the lock does not have.
 */
export function closure(lock: Lock, workspace: string, os: string, cpu: string): Closure {
  const needs: Record<string, string[]> = {};
  const waiting = [workspace];
  while (waiting.length > 0) {
    const at = waiting.pop()!;
    if (needs[at]) continue;
    const { dependencies = {}, optionalDependencies = {} } = lock.packages[at]!;
    const found: string[] = [];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const path = resolve(lock, at, name);
      const optional = name in optionalDependencies;
      if (path === undefined) {
        if (optional) continue;
        throw new Error(`package-lock.json has no ${name}, which ${at} needs`);
      }
      const entry = lock.packages[path]!;
      if (!fits(entry.os, os) || !fits(entry.cpu, cpu)) continue;
      found.push(entry.link ? entry.resolved! : path);
    }
    needs[at] = found.sort();
    waiting.push(...found);
  }
  const all = Object.keys(needs).sort();
  return {
    workspaces: all.filter((path) => !path.startsWith('node_modules/')),
    packages: all.filter((path) => path.startsWith('node_modules/')),
    needs,
  };
}

/** As Node looks for it: in the package's own node_modules, then in those of the folders above. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  for (let at = from; ; at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : '') {
    const path = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (lock.packages[path]) return path;
    if (at === '') return undefined;
  }
}

const fits = (wanted: string | string[] | undefined, have: string) =>
  wanted === undefined || [wanted].flat().includes(have);

/** `@hono/node-server` of `node_modules/x/node_modules/@hono/node-server`. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
