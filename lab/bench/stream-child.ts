import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { PHONE_ARGV } from '../lib/children.ts';
import { root } from '../lib/processes.ts';

/** A process of a file of this folder, that `askChild` asks. */
export function spawnFile(file: string, execArgv: string[] = process.execArgv): ChildProcess {
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
  return fork(join(root, 'lab', 'bench', file), { execArgv, stdio: [...stdio], serialization: 'advanced' });
}

/** What stands in for phones. */
export const spawnChild = (file: string): ChildProcess => spawnFile(file, PHONE_ARGV);
