import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { freePorts } from '../lib/free-ports.ts';
import { Running, root } from '../lib/processes.ts';
import type { Block } from './blocks.ts';
import { differs } from './output.ts';
import { newTally, type Tally } from './tally.ts';

const READY_MS = 60_000;

/** What a reader does in browsers before the guide says what the backend prints. */
export type Visit = (origin: string, folder: string) => Promise<string | undefined>;

/**
 * A guide as a reader follows it: in the order of its blocks, in a folder beside a clone of this checkout. Commands are those of
 * the guide; ports and the address of the webhook, which others on this machine may have, are told by the environment, which
 * goes before the relay's file.
 */
export async function followGuide(blocks: readonly Block[], visit: Visit, log: (text: string) => void): Promise<Tally> {
  const tally = newTally(blocks);
  const [backend = 0] = await freePorts(1);
  const desk = new Desk(environment(backend));
  try {
    clone(join(desk.base, 'hayate'));
    for (const { language, place, text, file, line } of blocks) {
      if (language === 'sh') {
        log(text.trim().replaceAll('\n', ' && '));
        if (place === 'terminal') await desk.open(text);
        else desk.run(text);
        tally.ran.push(...text.trim().split('\n'));
      } else if (language === 'text') {
        const wrong = (await visit(`http://localhost:${backend}`, desk.base)) ?? differs(text, desk.printed);
        if (wrong !== undefined) tally.wrong.push(`line ${line}: ${wrong}`);
        tally.compared += 1;
      } else if (file !== undefined) {
        writeFileSync(join(desk.folder, file), text);
        tally.ran.push(file);
      } else {
        tally.notRun.push(`line ${line}: ${language} without a name`);
      }
    }
  } finally {
    await desk.close();
  }
  return tally;
}

/** A reader's terminals: one for commands that end, and one for each that goes on. */
class Desk {
  readonly base = mkdtempSync(join(tmpdir(), 'hayate-guide-'));
  readonly #env: NodeJS.ProcessEnv;
  readonly #terminals: Running[] = [];
  #folder = this.base;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** Where the last command left the reader. */
  get folder(): string {
    return this.#folder;
  }

  /** Of the newest terminal that goes on. */
  get printed(): string {
    return this.#terminals.at(-1)?.stdout.join('\n') ?? '';
  }

  /** Throws when a command fails. */
  run(commands: string): void {
    const { status, stdout, stderr } = spawnSync('bash', ['-euc', `${commands}echo; pwd`], {
      cwd: this.#folder,
      env: this.#env,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${commands.trim()} ended with ${status}: ${stderr.slice(-1500)}`);
    this.#folder = stdout.trim().split('\n').at(-1)!;
  }

  /** Resolves once the relay wrote where it is; of what comes after it, once it says that it is ready. */
  async open(command: string): Promise<void> {
    const terminal = new Running('bash', ['-c', command], { cwd: this.#folder, env: this.#env });
    this.#terminals.push(terminal);
    const state = join(this.#folder, '.hayate/relay.json');
    if (existsSync(state)) {
      await terminal.line(/^ready$/, READY_MS);
      return;
    }
    const until = performance.now() + READY_MS;
    while (!existsSync(state)) {
      if (performance.now() > until) throw new Error(`no relay: ${terminal.stderr.slice(-5).join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async close(): Promise<void> {
    for (const terminal of this.#terminals.reverse()) await terminal.stop();
    rmSync(this.base, { recursive: true, force: true });
  }
}

/** What is committed, with the packages and the engine of this checkout: nothing is fetched or built again. */
function clone(folder: string): void {
  execFileSync('git', ['clone', '-q', root, folder]);
  cpSync(join(root, 'engine/dist'), join(folder, 'engine/dist'), { recursive: true });
  execFileSync('cp', ['-al', join(root, 'node_modules'), join(folder, 'node_modules')]);
  const stamp = join(folder, 'node_modules/.hayate-lock');
  // A link to that of the checkout, which must not change.
  rmSync(stamp, { force: true });
  writeFileSync(
    stamp,
    createHash('sha256')
      .update(readFileSync(join(folder, 'package-lock.json')))
      .digest('hex'),
  );
}

/** Nothing of this checkout, nor what npm set for the command that runs this. */
function environment(backend: number): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(HAYATE_|npm_|NODE_(PATH|OPTIONS)$|INIT_CWD$)/.test(name),
  );
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.startsWith(root));
  return {
    ...Object.fromEntries(own),
    PATH: [dirname(process.execPath), ...path].join(delimiter),
    PORT: String(backend),
    ...Object.fromEntries(['LISTEN', 'HTTP', 'METRICS', 'API'].map((name) => [`HAYATE_RELAY_${name}_PORT`, '0'])),
    HAYATE_RELAY_GIFTS_WEBHOOK_URL: `http://127.0.0.1:${backend}/gifts`,
  };
}
