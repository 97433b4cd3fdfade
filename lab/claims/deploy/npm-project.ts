import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Running, root } from '../../lib/processes.ts';

const CONSUMER = join(import.meta.dirname, 'consumer');
const COMMAND_MS = 120_000;

/** TypeScript's settings of a project, beside `strict`. */
export interface Compiling {
  module: 'nodenext' | 'esnext';
  moduleResolution: 'nodenext' | 'bundler';
  customConditions?: string[];
  lib: string[];
  types: string[];
}

export interface Said {
  code: number;
  out: string;
  err: string;
}

/** A folder outside the checkout with the programs of consumer/ and what npm installs there. */
export class Project {
  readonly path = mkdtempSync(join(tmpdir(), 'hayate-project-'));
  readonly env: NodeJS.ProcessEnv;

  /** `scope`: the registry that has @hayate; everything else comes from where `npm ci` takes it. */
  constructor(dependencies: Record<string, string>, scope: string) {
    const manifest = { name: 'consumer', version: '1.0.0', private: true, type: 'module', dependencies };
    this.write('package.json', JSON.stringify(manifest, null, 2));
    this.write('.npmrc', `@hayate:registry=${scope}\n`);
    for (const file of ['app.ts', 'page.ts', 'loadtest.ts']) copyFileSync(join(CONSUMER, file), join(this.path, file));
    // Nothing of the checkout is found by its environment, nor what npm set for the command that runs this.
    const kept = Object.entries(process.env).filter(
      ([name]) => !/^(HAYATE_|npm_|NODE_(PATH|OPTIONS)$|INIT_CWD$)/.test(name),
    );
    const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.startsWith(root));
    this.env = { ...Object.fromEntries(kept), PATH: [dirname(process.execPath), ...path].join(delimiter) };
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.path, file), text);
  }

  read(file: string): string {
    return readFileSync(join(this.path, file), 'utf8');
  }

  start(command: string, ...args: string[]): Running {
    return new Running(command, args, { cwd: this.path, env: this.env });
  }

  /** Resolves when the command ended; one that takes over two minutes is killed, with code 128. */
  async run(command: string, ...args: string[]): Promise<Said> {
    const child = this.start(command, ...args);
    const timer = setTimeout(() => child.signal('SIGKILL'), COMMAND_MS);
    const code = await child.exited;
    clearTimeout(timer);
    return { code, out: child.stdout.join('\n'), err: child.stderr.join('\n') };
  }

  /** By the compiler of the checkout, strict, declarations of packages included. */
  compile(file: string, options: Compiling): Said {
    return this.#tsc(file, options);
  }

  /** Every file that the compiler reads for `file`. */
  filesOf(file: string, options: Compiling): string[] {
    return this.#tsc(file, options, '--listFilesOnly').out.split('\n').filter(Boolean);
  }

  #tsc(file: string, options: Compiling, ...flags: string[]): Said {
    const compilerOptions = {
      ...options,
      target: 'es2024',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      erasableSyntaxOnly: true,
    };
    this.write('tsconfig.json', JSON.stringify({ files: [file], compilerOptions }));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json', ...flags], {
      cwd: this.path,
      env: this.env,
      encoding: 'utf8',
    });
    return { code: status ?? 128, out: stdout, err: stderr };
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
