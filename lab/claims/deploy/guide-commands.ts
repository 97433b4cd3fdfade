import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hayate, root } from '../../lib/processes.ts';

const INFRA = join(root, 'infra');
const TERRAFORM = join(INFRA, 'terraform');
/** Of any system, and what the guide defines itself. */
const SYSTEM = new Set(['export', 'cd', 'cp', 'echo', 'mkdir', 'head', 'base64', 'jq', 'curl', 'token']);

/** Commands of the guide's shell blocks, each alone: without comments, pipes and what they are written into. */
export function commandsOf(guide: string): string[] {
  const blocks = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block!.replaceAll('\\\n', ' '));
  const lines = blocks.flatMap((block) => block.split('\n').map((line) => line.replace(/(^|\s)#\s.*$/, '')));
  return lines.flatMap(split);
}

function split(line: string): string[] {
  const found: string[] = [];
  // What is quoted is data, but for the commands in it.
  let rest = line.replace(/'[^']*'/g, 'QUOTED');
  for (let inner = INNER.exec(rest); inner; inner = INNER.exec(rest)) {
    found.push(...split(inner[1]!));
    rest = rest.replace(inner[0], 'VALUE');
  }
  rest = rest.replace(/^\s*\w+\(\)\s*\{(.*)\}\s*$/, '$1').replace(/"[^"]*"/g, 'QUOTED');
  for (const part of rest.split(/&&|\|\||[|;]/)) {
    const command = part
      .replace(/>\s*\S+/g, '')
      .trim()
      .replace(/^(\w+=\S*\s*)+/, '')
      .replace(/^ssh\s+(?:-\S+\s+)*\S+\s+/, '');
    if (command) found.push(command);
  }
  return found;
}
const INNER = /\$\(([^()]*)\)/;

/** Whether commands are there, with what the guide gives them. */
export class Commands {
  readonly #scripts = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }).scripts;
  readonly #outputs = readFileSync(join(TERRAFORM, 'outputs.tf'), 'utf8');
  /** Help of `hayate`, by subcommand. */
  readonly #helps = new Map<string, Promise<string>>();

  /** What is wrong with it; undefined: nothing. */
  async faultOf(command: string): Promise<string | undefined> {
    const words = command.split(/\s+/);
    const [name, second = '', third = ''] = words;
    if (SYSTEM.has(name!)) return name === 'cp' ? this.#copied(second) : undefined;
    switch (name) {
      case 'hayate':
        return this.#hayate(words.slice(1));
      case 'npm':
        if (second === 'run') return third in this.#scripts ? undefined : `no script ${third}`;
        return second === 'install' ? undefined : `npm ${second}?`;
      case 'node':
        return existsSync(join(TERRAFORM, second))
          ? flagsOf(words, readFileSync(join(TERRAFORM, second), 'utf8'))
          : `no ${second}`;
      case 'terraform':
        return this.#terraform(words.slice(1));
      default:
        return `${name}: nobody says where it is from`;
    }
  }

  #copied(file: string): string | undefined {
    return !file.startsWith('terraform.') || existsSync(join(TERRAFORM, file)) ? undefined : `no ${file}`;
  }

  #terraform([verb = '', ...words]: string[]): string | undefined {
    if (verb !== 'output') return ['init', 'apply', 'destroy'].includes(verb) ? undefined : `terraform ${verb}?`;
    const output = words.find((word) => !word.startsWith('-'));
    return this.#outputs.includes(`output "${output}"`) ? undefined : `no output ${output}`;
  }

  async #hayate(words: string[]): Promise<string | undefined> {
    const path: string[] = [];
    for (;;) {
      const help = await this.#help(path);
      const word = words[path.length];
      const known = /\nCommands:\n([\s\S]*?)(\n\n|$)/.exec(help)?.[1] ?? '';
      if (known === '') return flagsOf(words, help);
      if (word === undefined || !new RegExp(`^\\s+${word}\\b`, 'm').test(known))
        return `no hayate ${[...path, word].join(' ')}`;
      path.push(word);
    }
  }

  #help(path: readonly string[]): Promise<string> {
    const key = path.join(' ');
    const asked = async () => {
      const command = hayate([...path, '--help']);
      await command.exited;
      return command.stdout.join('\n');
    };
    const help = this.#helps.get(key) ?? asked();
    this.#helps.set(key, help);
    return help;
  }
}

function flagsOf(words: readonly string[], where: string): string | undefined {
  const flag = words.find(
    (word) => word.startsWith('--') && !new RegExp(`${word}\\b`).test(where) && !where.includes(`${word.slice(2)}:`),
  );
  return flag && `no ${flag}`;
}
