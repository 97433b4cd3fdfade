import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Running, root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const infra = join(root, 'infra');
/** Runs init, validate and test against the provider's schema where the provider itself cannot be had. */
const schemaCheck = join(root, '..', 'shared', 'tools', 'tf-schema-check', 'tf-schema-check');

interface Ended {
  code: number;
  lines: string[];
}

async function call(command: string, args: string[], cwd: string): Promise<Ended> {
  // Nothing of the caller's Terraform counts.
  const env = { ...process.env, TF_CLI_CONFIG_FILE: '/dev/null', CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' };
  const child = new Running(command, args, { cwd, env });
  const timer = setTimeout(() => child.signal('SIGKILL'), 600_000);
  const code = await child.exited;
  clearTimeout(timer);
  return { code, lines: [...child.stdout, ...child.stderr] };
}

function counts({ lines }: Ended): { passed: number; failed: number } | undefined {
  const hit = lines.map((line) => /^(?:Success|Failure)! (\d+) passed, (\d+) failed/.exec(line)).find(Boolean);
  return hit ? { passed: Number(hit[1]), failed: Number(hit[2]) } : undefined;
}

/** A copy of infra/ that may be broken and initialised. */
function copy(): { dir: string; terraform: string } {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-terraform-'));
  cpSync(infra, dir, { recursive: true });
  return { dir, terraform: join(dir, 'terraform') };
}

/** Negative controls: each must make the tests fail, or they see nothing. */
const faults: Record<string, { file: string; from: string; to: string }> = {
  'an attribute that the provider does not have': {
    file: 'modules/machines/main.tf',
    from: 'ssh_keys\n',
    to: 'ssh_keys\n  no_such_attribute = true\n',
  },
  'a run-time setting in user_data': {
    file: 'user_data.tf',
    from: 'hostname       = "',
    to: 'hostname       = var.domain == null ? "alone" : "',
  },
  'SSH open to all': {
    file: 'modules/network/main.tf',
    from: 'ports = "22", from = local.admin',
    to: 'ports = "22", from = local.anywhere',
  },
};

async function bySchema(checks: Checks, context: ClaimContext): Promise<void> {
  if (!existsSync(schemaCheck)) {
    checks.skip('terraform validate and test against the schema: no tf-schema-check beside this checkout');
    return;
  }
  context.log('validate and test against the schema of the provider');
  const good = await call(schemaCheck, ['-r', infra, join(infra, 'terraform')], root);
  if (good.code === 3) {
    checks.skip(`terraform validate and test against the schema: ${good.lines.at(-1)}`);
    return;
  }
  const tests = counts(good);
  checks.figure('against_the_schema', { exit: good.code, ...tests });
  checks.check(good.code === 0 && tests?.failed === 0 && tests.passed > 0, good.lines.slice(-20).join('\n'));
  for (const [name, { file, from, to }] of Object.entries(faults)) {
    context.log(`control: ${name}`);
    const { dir, terraform } = copy();
    try {
      const path = join(terraform, file);
      const text = readFileSync(path, 'utf8');
      checks.check(text.includes(from), `control "${name}" finds nothing to break in ${file}`);
      writeFileSync(path, text.replace(from, to));
      const bad = await call(schemaCheck, ['-r', dir, terraform], root);
      checks.figure(`control: ${name}`, { exit: bad.code, ...counts(bad) });
      checks.check(bad.code === 1, `control "${name}" was not noticed`);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

async function byProvider(checks: Checks, context: ClaimContext): Promise<void> {
  context.log('plain terraform init');
  const { dir, terraform } = copy();
  try {
    const init = await call('terraform', ['init', '-backend=false', '-input=false', '-no-color'], terraform);
    if (init.code !== 0) {
      const text = init.lines.join(' ').replaceAll('│', '').replace(/\s+/g, ' ');
      const why = /Error: .{0,160}/.exec(text)?.[0] ?? `exit ${init.code}`;
      checks.skip(`terraform validate and test with the provider itself: init says ${why}`);
      return;
    }
    const validate = await call('terraform', ['validate', '-no-color'], terraform);
    const test = await call('terraform', ['test', '-no-color'], terraform);
    const tests = counts(test);
    checks.figure('with_the_provider', { validate: validate.code, test: test.code, ...tests });
    checks.check(validate.code === 0, validate.lines.slice(-20).join('\n'));
    checks.check(test.code === 0 && (tests?.passed ?? 0) > 0, test.lines.slice(-20).join('\n'));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const version = await call('terraform', ['version'], root);
  if (version.code !== 0) {
    checks.skip('all: no terraform on the PATH');
    return checks.outcome();
  }
  checks.figure('terraform', version.lines[0]);
  const format = await call('terraform', ['fmt', '-check', '-recursive', join(infra, 'terraform')], root);
  checks.check(format.code === 0, `not formatted: ${format.lines.join(' ')}`);
  checks.figure('fmt', format.code === 0 ? 'formatted' : 'not formatted');
  await bySchema(checks, context);
  await byProvider(checks, context);
  return checks.outcome();
}

export const terraformPlans: Claim = {
  id: 'deploy.1',
  title:
    'Terraform: both regions, a third by one line, a roll, relays of the fleet let in; bad CIDRs, unknown regions, zero relays and more refused; user_data the same byte for byte when a run-time setting changes, and without secrets',
  seconds: 300,
  run,
};
