import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
/** Of this workspace: typedoc reads sources by TypeScript 6, its last in JavaScript, and the one that checks them is newer. */
const program = join(here, 'node_modules/typedoc/bin/typedoc');

/** Why it cannot run; undefined: it can. */
export function noTypedoc(): string | undefined {
  return existsSync(program) ? undefined : 'no typedoc in scripts/api: npm ci installs it';
}

export interface TypedocRun {
  /** 0: nothing to complain of. */
  code: number;
  /** What it said, without colours. */
  said: string;
}

/** The settings: what is documented, and what is no documentation. */
export const SETTINGS = join(here, 'typedoc.json');

export function typedoc(args: readonly string[], settings = SETTINGS): TypedocRun {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--options', settings, ...args], {
    cwd: here,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { code: status ?? 128, said: stdout + stderr };
}
