import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { readControlConfig, readFleetConfig } from '@hayate/fleet';
import { filled, filledUserData } from '@hayate/fleet/internal';
import { loadConfig } from '@hayate/relay';
import { makeClusterKeys } from '../../../cli/cluster-keys.ts';
import { type Machine, secretsOf } from '../../../infra/push.ts';
import { natsAccess } from '../../../relay/config/cluster.ts';
import { natsServer } from '../../lib/nats.ts';
import { natsConf } from '../../lib/nats-conf.ts';
import { root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { call, copy, counts, infra, said, schemaCheck } from './terraform-run.ts';

/** Negative controls: each must make the tests fail and say why, or they see nothing. */
const faults: Record<string, { file: string; from: string; to: string; says: string }> = {
  'an attribute that the provider does not have': {
    file: 'modules/machines/main.tf',
    from: 'ssh_keys\n',
    to: 'ssh_keys\n  no_such_attribute = true\n',
    says: 'An argument named "no_such_attribute" is not expected here',
  },
  'a run-time setting in user_data': {
    file: 'user_data.tf',
    from: 'hostname       = "',
    to: 'hostname       = var.domain == null ? "alone" : "',
    says: 'run "run_time_settings_change_no_machine"... fail',
  },
  'SSH open to all': {
    file: 'modules/network/main.tf',
    from: 'ports = "22", from = local.admin',
    to: 'ports = "22", from = local.anywhere',
    says: 'SSH is not for the administrators alone',
  },
  'a fleet that makes relays unasked': {
    file: 'variables.tf',
    from: 'dry_run = optional(bool, true)',
    to: 'dry_run = optional(bool, false)',
    says: 'run "the_fleet_says_what_it_would_do"... fail',
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
  await byReaders(checks, context);
  for (const [name, { file, from, to, says }] of Object.entries(faults)) {
    context.log(`control: ${name}`);
    const { dir, terraform } = copy();
    try {
      const path = join(terraform, file);
      const text = readFileSync(path, 'utf8');
      checks.check(text.includes(from), `control "${name}" finds nothing to break in ${file}`);
      writeFileSync(path, text.replace(from, to));
      const bad = await call(schemaCheck, ['-r', dir, terraform], root);
      checks.figure(`control: ${name}`, { exit: bad.code, ...counts(bad) });
      // For its own reason: a provider that did not come up fails too.
      checks.check(
        bad.code === 1 && bad.lines.some((line) => line.includes(says)),
        `control "${name}" was not noticed`,
      );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

/** Puts what infra/push.ts brings to a machine into a folder in place of its /etc/hayate. */
function settle(dir: string, id: string, machine: Machine, keys: string): string {
  const folder = join(dir, id);
  mkdirSync(folder);
  const files = { ...machine.files, ...secretsOf(id, machine, { keys, secrets: folder }) };
  for (const [path, content] of Object.entries(files)) {
    const text = content.toString().replaceAll('/etc/hayate/', `${folder}/`);
    writeFileSync(join(folder, basename(path)), text);
  }
  return folder;
}

/** What the rig of the tests would give a server of that place: what they show holds for the machines too. */
function asInTests(id: string, machines: Record<string, Machine>): string {
  const regionOf = (each: string) => each.split('-')[1]!;
  const servers = Object.keys(machines).filter((each) => machines[each]!.services.includes('hayate-nats'));
  const region = regionOf(id);
  const at = (ids: string[], port: number) => ids.sort().map((each) => `${machines[each]!.address}:${port}`);
  const before = [...new Set(servers.map(regionOf))].sort().filter((each) => each < region);
  return natsConf({
    ...{ name: id, region, store: '/var/lib/hayate-nats', keys: '/etc/hayate', syncInterval: 'always' },
    listen: { client: '0.0.0.0:4222', monitor: '0.0.0.0:8222', leaf: '0.0.0.0:7422', route: '0.0.0.0:6222' },
    routes: at(
      servers.filter((each) => each !== id && regionOf(each) === region),
      6222,
    ),
    remotes: before.map((each) =>
      at(
        servers.filter((other) => regionOf(other) === each),
        7422,
      ),
    ),
  });
}

/** The fleet makes relays: of all that machines may get, the most. */
const WITH_FLEET = `
  variables {
    fleet     = { dry_run = false, max = 2 }
    enrolment = { ca = "-----BEGIN CERTIFICATE-----\\nMII\\n-----END CERTIFICATE-----\\n", linode = true }
  }`;

/** What machines get, read by the programs that will read it. */
async function byReaders(checks: Checks, context: ClaimContext): Promise<void> {
  context.log('settings of relays and NATS, read by both');
  const machines = await said<Record<string, Machine>>('output.machines', WITH_FLEET);
  if (!machines) {
    checks.check(false, 'Terraform said nothing of the settings');
    return;
  }
  const dir = mkdtempSync(join(tmpdir(), 'hayate-settings-'));
  try {
    const nats = await natsServer();
    if ('skip' in nats) checks.skip(`nats.conf: ${nats.skip}`);
    const keys = join(dir, 'keys');
    const of = (service: string) => Object.entries(machines).filter(([, { services }]) => services.includes(service));
    makeClusterKeys({
      ...{ dir: keys, regions: ['jp', 'us'], days: 30, relays: of('hayate-relay').map(([id]) => id) },
      nats: of('hayate-nats').map(([id, { address }]) => ({ id, addresses: [address] })),
    });
    let relays = 0;
    let servers = 0;
    let controls = 0;
    for (const [id, machine] of of('hayate-relay')) {
      const config = loadConfig({ flags: {}, env: {}, file: join(settle(dir, id, machine, keys), 'relay.json') });
      checks.check(config.cluster.relayId === id, `${id}: ${config.cluster.relayId}`);
      const { caFile, credsFile } = natsAccess(config.cluster);
      const there = [caFile, credsFile].every((file) => file !== undefined && existsSync(file));
      checks.check(there, `${id}: NATS without authority or user`);
      relays += 1;
    }
    for (const [id, machine] of of('hayate-nats')) {
      checks.check(
        machine.files['/etc/hayate/nats.conf'] === asInTests(id, machines),
        `${id}: nats.conf is not that of the tests:\n${machine.files['/etc/hayate/nats.conf']}\n${asInTests(id, machines)}`,
      );
      if ('skip' in nats) continue;
      const folder = settle(dir, id, machine, keys);
      const read = () => call(nats.path, ['-t', '-c', join(folder, 'nats.conf')], dir);
      const whole = await read();
      checks.check(whole.code === 0, `${id}: ${whole.lines.join(' ')}`);
      // Control: a server whose accounts did not come does not start as one that takes everybody.
      rmSync(join(folder, 'nats-accounts.conf'));
      checks.check((await read()).code !== 0, `${id}: nats.conf is read without accounts`);
      servers += 1;
    }
    for (const [id, { files }] of of('hayate-control')) {
      const file = join(dir, `${id}-control.json`);
      writeFileSync(file, files['/etc/hayate/control.json']!);
      for (const [region, relay] of Object.entries(readControlConfig(file).relays)) {
        const machine = { id: `${region}-z-9`, region, address: '192.0.2.9' };
        writeFileSync(file, JSON.stringify(filled(relay, machine)));
        const { cluster, publicUrl } = loadConfig({ flags: {}, env: {}, file });
        const right = cluster.relayId === machine.id && cluster.region === region && publicUrl?.includes('192.0.2.9');
        checks.check(right === true, `a relay of ${region} that enrols: ${cluster.relayId} ${publicUrl}`);
      }
      const prometheus = join(dir, 'prometheus.yml');
      writeFileSync(prometheus, files['/etc/prometheus/prometheus.yml']!);
      await byPromtool(checks, prometheus);
      byFleet(checks, dir, files);
      controls += 1;
    }
    checks.figure('settings_read', { 'relay.json by the relay': relays, 'nats.conf by nats-server': servers });
    checks.check(relays === 8 && controls === 1, `${relays} relay.json, ${controls} control.json`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function byPromtool(checks: Checks, file: string): Promise<void> {
  const check = await call('promtool', ['check', 'config', file], root);
  if (check.code === 127) return checks.skip('prometheus.yml: no promtool on the PATH');
  checks.check(check.code === 0, `prometheus.yml: ${check.lines.join(' ')}`);
  writeFileSync(file, readFileSync(file, 'utf8').replace('http_sd_configs', 'http_ds_configs'));
  const control = await call('promtool', ['check', 'config', file], root);
  checks.check(control.code !== 0, 'control: promtool takes a key that there is not');
  checks.figure('prometheus.yml by promtool', { exit: check.code, 'control: exit': control.code });
}

/** Its settings, and what it would give a machine. */
function byFleet(checks: Checks, dir: string, files: Machine['files']): void {
  const file = join(dir, 'fleet.json');
  writeFileSync(file, files['/etc/hayate/fleet.json']!);
  const { providers, regions, enrolment } = readFleetConfig(file);
  const linode = providers['linode'];
  const right = linode?.kind === 'linode' && linode.userDataFile === '/etc/hayate/fleet-user-data' && enrolment;
  checks.check(right !== undefined && right !== false, `fleet.json: ${files['/etc/hayate/fleet.json']}`);
  checks.check(Object.keys(regions).length === 2, `fleet.json: regions ${Object.keys(regions)}`);
  const text = files['/etc/hayate/fleet-user-data']!;
  const filled = filledUserData(text, { id: 'us-f-7', region: 'us' }, () => 'T'.repeat(43));
  const birth = filled.includes('us-f-7') && filled.includes('T'.repeat(43)) && !/\{(id|enrolmentToken)\}/.test(filled);
  checks.check(birth, `user_data of the fleet's machines: ${filled}`);
  checks.check(filled.length < 16_000, `user_data of the fleet's machines has ${filled.length} bytes`);
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
