import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { Running, root } from '../../lib/processes.ts';

const START_MS = 5000;
const run = promisify(execFile);

/** A mount namespace with mounts of its own, for as long as it is held: nothing of it is seen outside. */
export interface Mounts {
  /** Puts a command into it. */
  wrap: readonly string[];
  /** Where a path of it is found from outside. */
  outside(path: string): string;
  /** Runs a shell command in it. */
  sh(command: string): Promise<void>;
  close(): Promise<void>;
}

export function cannotMount(): string | undefined {
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'no mount namespace (unshare -m): it takes root';
  }
}

/** @param mount shell commands that make the mounts */
export async function openMounts(mount: string): Promise<Mounts> {
  const script = `mount --make-rprivate / && ${mount} && echo mounted && exec sleep 600`;
  const holder = new Running('unshare', ['-m', 'sh', '-c', script]);
  await holder.line(/mounted/, START_MS);
  const wrap = ['nsenter', `--wd=${root}`, '-m', '-t', String(holder.pid), '--'];
  return {
    wrap,
    outside: (path) => `/proc/${holder.pid}/root${path}`,
    async sh(command) {
      await run(wrap[0]!, [...wrap.slice(1), 'sh', '-c', command]);
    },
    async close() {
      await holder.stop('SIGKILL');
    },
  };
}
