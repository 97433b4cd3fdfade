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
 * A guide as a reader follows it: in the order of its blocks, in a folder beside a clone of this checkout. Commands are those of the guide; ports and the
 * address of the webhook, which others on this machine may have, are told by the environment, which goes before the relay's file.
 */
export async function followGuide(blocks: readonly Block[], visit: Visit, log: (text: string) => void): Promise<Tally> {
  const tally = newTally(blocks);
  const base = mkdtempSync(join(tmpdir(), 'hayate-guide-'));
  const terminals: Running[] = [];
  try {
    clone(join(base, 'hayate'));
    const [backend = 0] = await freePorts(1);
    const env = environment(backend);
    const place = join(base, 'cwd');
    writeFileSync(place, base);
    const cwd = () => readFileSync(place, 'utf8').trim();
    for (const { language, place: kind, text, file, line } of blocks) {
      const where = `line ${line}`;
      if (language === 'sh' && kind === 'terminal') {
        log(text.trim());
        const terminal = new Running('bash', ['-c', text], { cwd: cwd(), env });
        terminals.push(terminal);
        await ready(terminal, join(cwd(), '.hayate/relay.json'));
        tally.ran.push(text.trim());
      } else if (language === 'sh') {
        log(text.trim().replaceAll('\n', ' && '));
        const { status, stderr } = spawnSync('bash', ['-euc', `${text}pwd > ${place}`], {
          cwd: cwd(),
          env,
          encoding: 'utf8',
        });
        if (status !== 0) throw new Error(`${where} ended with ${status}: ${stderr.slice(-1500)}`);
        tally.ran.push(...text.trim().split('\n'));
      } else if (language === 'text') {
        const wrong =
          (await visit(`http://localhost:${backend}`, base)) ?? differs(text, terminals.at(-1)!.stdout.join('\n'));
        if (wrong !== undefined)
          tally.wrong.push(`${where}: ${wrong}\n${terminals.at(-1)!.stderr.slice(-5).join('\n')}`);
        tally.compared += 1;
      } else if (file !== undefined) {
        writeFileSync(join(cwd(), file), text);
        tally.ran.push(file);
      } else {
        tally.notRun.push(`${where}: ${language} without a name`);
      }
    }
  } finally {
    for (const terminal of terminals.reverse()) await terminal.stop();
    rmSync(base, { recursive: true, force: true });
  }
  return tally;
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

/** The relay wrote where it is; then the backend says it. */
async function ready(terminal: Running, state: string): Promise<void> {
  if (existsSync(state)) return void (await terminal.line(/^ready$/, READY_MS));
  const until = performance.now() + READY_MS;
  let ended: number | undefined;
  void terminal.exited.then((code) => {
    ended = code;
  });
  while (!existsSync(state)) {
    if (ended !== undefined || performance.now() > until)
      throw new Error(`the relay is not there (${ended ?? 'no answer'}): ${terminal.stderr.slice(-5).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
