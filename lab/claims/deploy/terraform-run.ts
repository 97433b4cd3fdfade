// Terraform as claims run it, on copies.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Running, root } from '../../lib/processes.ts';

export const infra = join(root, 'infra');
/** Runs init, validate and test against the provider's schema where the provider itself cannot be had. */
export const schemaCheck = join(root, '..', 'shared', 'tools', 'tf-schema-check', 'tf-schema-check');

export interface Ended {
  code: number;
  lines: string[];
}

export async function call(command: string, args: string[], cwd: string): Promise<Ended> {
  // Nothing of the caller's Terraform counts.
  const env = { ...process.env, TF_CLI_CONFIG_FILE: '/dev/null', CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' };
  const child = new Running(command, args, { cwd, env });
  const timer = setTimeout(() => child.signal('SIGKILL'), 600_000);
  const code = await child.exited;
  clearTimeout(timer);
  return { code, lines: [...child.stdout, ...child.stderr] };
}

export function counts({ lines }: Ended): { passed: number; failed: number } | undefined {
  const hit = lines.map((line) => /^(?:Success|Failure)! (\d+) passed, (\d+) failed/.exec(line)).find(Boolean);
  return hit ? { passed: Number(hit[1]), failed: Number(hit[2]) } : undefined;
}

/** A copy of infra/ that may be broken and initialised. */
export function copy(): { dir: string; terraform: string } {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-terraform-'));
  cpSync(infra, dir, { recursive: true });
  return { dir, terraform: join(dir, 'terraform') };
}

/** The value of an expression, for the variables of tests/base.tftest.hcl and `variables`: said by a test that fails on purpose. */
export async function said<T>(expression: string, variables = ''): Promise<T | undefined> {
  const { dir, terraform } = copy();
  try {
    const base = readFileSync(join(terraform, 'tests/base.tftest.hcl'), 'utf8');
    const head = base.slice(0, base.indexOf('\nrun "'));
    // A template of Terraform's, and none of this language.
    const text = ['$', `{base64encode(jsonencode(${expression}))}`].join('');
    const run = [
      '',
      `run "say" {${variables}`,
      '  assert {',
      '    condition     = length(output.machines) == 0',
      `    error_message = "SAID:${text}:"`,
      '  }',
      '}',
      '',
    ].join('\n');
    // Addresses that differ: NATS refuses a peer that is named twice.
    const mock = join(terraform, 'tests/mock/linode.tfmock.hcl');
    writeFileSync(mock, readFileSync(mock, 'utf8').replaceAll(/^ +(ip_address|ipv6) .*\n/gm, ''));
    for (const file of ['base', 'refused']) rmSync(join(terraform, `tests/${file}.tftest.hcl`));
    writeFileSync(join(terraform, 'tests/say.tftest.hcl'), head + run);
    const told = await call(schemaCheck, ['-r', dir, terraform], root);
    const hit = /SAID:([\w+/=\s]+):/.exec(told.lines.join('\n'))?.[1];
    return hit === undefined ? undefined : (JSON.parse(Buffer.from(hit, 'base64').toString('utf8')) as T);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
