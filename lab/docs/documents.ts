import { Running, root } from '../lib/processes.ts';
import type { Block } from './blocks.ts';
import { examplesOf } from './examples.ts';
import type { Stage } from './stage.ts';
import { newTally, type Tally } from './tally.ts';

const COMMAND_MS = 300_000;

/** It must print such a line; a server is stopped then. */
interface Spoken {
  says: RegExp;
  in: 'checkout' | 'examples';
}

/** What is done with a command of a shell. `elsewhere`: it is not run here, and this is why. */
export type CommandPlan = Spoken | { elsewhere: string };

export interface DocumentOptions {
  /** Why programs or pages cannot run here. */
  reasons: Record<'program' | 'page', string | undefined>;
  /** Why a block is left out; undefined: it is not. */
  left?(block: Block): string | undefined;
  /** Undefined for a command that nobody thought of: that is wrong. */
  planOf(command: string): CommandPlan | undefined;
  /** Code without a name is a program that prints nothing. */
  silent?: boolean;
}

/** Runs what a document has: programs and pages on the stage, and commands of shells. */
export async function runDocument(stage: Stage, blocks: readonly Block[], options: DocumentOptions): Promise<Tally> {
  const { reasons, planOf, left, silent = false } = options;
  const tally = newTally(blocks);
  const kept = blocks.filter((block) => {
    const reason = left?.(block);
    if (reason !== undefined) tally.notRun.push(`line ${block.line}: ${reason}`);
    return reason === undefined;
  });
  const { runs, shared, commands, faults } = examplesOf(kept, { silent });
  tally.wrong.push(...faults);
  for (const { file, block } of runs) stage.write(file, block.text);
  for (const { file, text } of shared) stage.write(file!, text);
  for (const { file, place, block, printed } of runs) {
    const reason = reasons[place];
    if (reason !== undefined) {
      tally.notRun.push(`${file}: ${reason}`);
      continue;
    }
    const wrong = await stage[place](file, printed);
    tally.ran.push(file);
    if (printed !== '') tally.compared += 1;
    if (wrong !== undefined) tally.wrong.push(`${block.document}:${block.line} ${file}: ${wrong}`);
  }
  tally.ran.push(...shared.map(({ file }) => file!));
  for (const { document, line, text } of commands) {
    for (const command of commandsIn(text)) {
      const plan = planOf(command);
      if (plan && 'elsewhere' in plan) {
        tally.notRun.push(`${command}: ${plan.elsewhere}`);
        continue;
      }
      const wrong = plan ? await runCommand(stage, command, plan) : 'nobody knows what it should do';
      tally.ran.push(command);
      if (wrong !== undefined) tally.wrong.push(`${document}:${line} ${command}: ${wrong}`);
    }
  }
  return tally;
}

/** One a line, without comments. */
function commandsIn(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/\s+#\s.*$/, '').trim());
  return lines.filter(Boolean);
}

/** @returns what is wrong; undefined: it said what it should */
async function runCommand(stage: Stage, command: string, plan: Spoken): Promise<string | undefined> {
  // As in a terminal standard input stays open: some servers end with it.
  const shell = `sleep ${COMMAND_MS / 1000} | ${command}`;
  const cwd = plan.in === 'checkout' ? root : stage.folder;
  const child = new Running('bash', ['-c', shell], { cwd, env: stage.env });
  try {
    await child.line(plan.says, COMMAND_MS);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await child.stop('SIGKILL');
  }
}
