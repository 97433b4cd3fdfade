import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Machine, script, secretsOf } from './push.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-push-'));
  // Stands in for what only root on a real machine has: says what it was asked.
  mkdirSync(join(dir, 'bin'));
  for (const name of ['systemctl', 'chown', 'cloud-init']) {
    writeFileSync(join(dir, 'bin', name), `#!/bin/sh\necho "${name} $*" >>'${dir}/log'\n`);
    chmodSync(join(dir, 'bin', name), 0o755);
  }
  path = `${join(dir, 'bin')}:${process.env['PATH']}`;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const log = () => (existsSync(join(dir, 'log')) ? readFileSync(join(dir, 'log'), 'utf8').split('\n') : []);
const run = (input: string) => execFileSync('sh', ['-s'], { input, env: { PATH: path }, encoding: 'utf8' });

describe('the script for a machine', () => {
  it('writes files for the service alone, and says whether anything changed', () => {
    const file = join(dir, 'etc/hayate/relay.json');
    const odd = `{"a":"it's $HOME \`x\` .\n"}`;
    expect(run(script({ [file]: odd }, ['hayate-relay'], false))).toBe('changed\n');
    expect(readFileSync(file, 'utf8')).toBe(odd);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(log()).toContain(`chown root:hayate ${file}.new`);
    expect(log()).toContain('systemctl enable --quiet --now hayate-relay');
    expect(run(script({ [file]: odd }, ['hayate-relay'], false))).toBe('unchanged\n');
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  it('restarts only when asked to, and only what changed', () => {
    const file = join(dir, 'etc/hayate/relay.json');
    const restarts = () => log().filter((line) => line.startsWith('systemctl restart')).length;
    run(script({ [file]: '1' }, ['hayate-relay'], false));
    run(script({ [file]: '2' }, ['hayate-relay'], false));
    expect(restarts()).toBe(0);
    run(script({ [file]: '3' }, ['hayate-relay'], true));
    expect(restarts()).toBe(1);
    run(script({ [file]: '3' }, ['hayate-relay'], true));
    expect(restarts()).toBe(1);
  });

  it('restarts Prometheus whenever its settings are others: it runs before they come', () => {
    const file = join(dir, 'etc/prometheus/prometheus.yml');
    const restarts = () => log().filter((line) => line.startsWith('systemctl restart'));
    run(script({ [file]: '1' }, ['hayate-control', 'prometheus'], false));
    expect(restarts()).toEqual(['systemctl restart prometheus']);
    run(script({ [file]: '1' }, ['hayate-control', 'prometheus'], false));
    expect(restarts()).toHaveLength(1);
  });

  it('refuses a path that the shell would read otherwise', () => {
    expect(() => script({ "/etc/x'; reboot; '": '' }, [], false)).toThrow('not a path');
    expect(() => script({ 'etc/x': '' }, [], false)).toThrow('not a path');
  });
});

describe('push', () => {
  const machine = (services: string[], file: string): Machine => ({
    address: '192.0.2.1',
    services,
    files: { [file]: 'x' },
  });
  const folders = () => ({ keys: join(dir, 'keys'), secrets: join(dir, 'secrets') });

  it('gives a relay its own keys and no other machine any', () => {
    const { keys, secrets } = folders();
    for (const folder of [keys, secrets]) mkdirSync(folder);
    const made = [
      'ca.pem',
      'ca.key',
      'nats-ca.pem',
      'nats-ca.key',
      'nats-users.nk',
      'nats-accounts.conf',
      'nats-leaf.conf',
    ];
    for (const id of ['jp-a-1', 'jp-a-2', 'nats-jp-1', 'nats-jp-2']) made.push(`${id}.pem`, `${id}.key`, `${id}.creds`);
    for (const file of made) writeFileSync(join(keys, file), file);
    writeFileSync(join(secrets, 'token.key'), 'token');
    writeFileSync(join(secrets, 'linode.token'), 'api');
    const given = (id: string, service: string) =>
      Object.entries(secretsOf(id, machine([service], '/x'), { keys, secrets })).map(
        ([to, data]) => `${to} ${data.toString()}`,
      );
    expect(given('jp-a-1', 'hayate-relay').sort()).toEqual([
      '/etc/hayate/ca.pem ca.pem',
      '/etc/hayate/nats-ca.pem nats-ca.pem',
      '/etc/hayate/nats.creds jp-a-1.creds',
      '/etc/hayate/relay.key jp-a-1.key',
      '/etc/hayate/relay.pem jp-a-1.pem',
      '/etc/hayate/token.key token',
    ]);
    expect(given('nats-jp-1', 'hayate-nats').sort()).toEqual([
      '/etc/hayate/nats-accounts.conf nats-accounts.conf',
      '/etc/hayate/nats-ca.pem nats-ca.pem',
      '/etc/hayate/nats-leaf.conf nats-leaf.conf',
      '/etc/hayate/nats.creds nats-jp-1.creds',
      '/etc/hayate/nats.key nats-jp-1.key',
      '/etc/hayate/nats.pem nats-jp-1.pem',
    ]);
    expect(given('control', 'prometheus')).toEqual([]);
    expect(() => secretsOf('jp-a-9', machine(['hayate-relay'], '/x'), { keys, secrets })).toThrow(
      'jp-a-9.pem is missing',
    );
    expect(() => given('nats-jp-9', 'hayate-nats')).toThrow('nats-jp-9.creds is missing: hayate cluster keys');
  });

  it('gives the control node the authority and what relays get, and it alone the token of the API', () => {
    const { keys, secrets } = folders();
    for (const folder of [keys, secrets]) mkdirSync(folder);
    const own = ['ca.pem', 'ca.key', 'nats-ca.pem', 'nats-users.nk', 'nats-leaf.conf'];
    for (const file of [...own, 'jp-a-1.key', 'nats-operator.nk']) writeFileSync(join(keys, file), file);
    for (const file of ['token.key', 'linode.token']) writeFileSync(join(secrets, file), file);
    const given = secretsOf('control', machine(['hayate-control', 'prometheus'], '/x'), { keys, secrets });
    expect(Object.fromEntries(Object.entries(given).map(([to, data]) => [to, data.toString()]))).toEqual({
      ...Object.fromEntries(own.map((file) => [`/etc/hayate/${file}`, file])),
      '/etc/hayate/secrets/token.key': 'token.key',
      '/etc/hayate/linode.token': 'linode.token',
    });
  });

  it('gives the fleet its user, where the fleet runs, and says how it is made', () => {
    const { keys, secrets } = folders();
    for (const folder of [keys, secrets]) mkdirSync(folder);
    for (const file of ['ca.pem', 'ca.key', 'nats-ca.pem', 'nats-users.nk', 'nats-leaf.conf'])
      writeFileSync(join(keys, file), file);
    const given = (...services: string[]) =>
      Object.keys(secretsOf('control', machine(['hayate-control', ...services], '/x'), { keys, secrets }));
    expect(() => given('hayate-fleet')).toThrow(/fleet\.creds is missing: hayate cluster keys .*--fleet/);
    writeFileSync(join(keys, 'fleet.creds'), 'user');
    expect(given('hayate-fleet')).toContain('/etc/hayate/fleet.creds');
    expect(given('prometheus')).not.toContain('/etc/hayate/fleet.creds');
  });

  it('goes to every machine, NATS first, and tells which one failed', () => {
    const ssh = join(dir, 'bin', 'ssh');
    writeFileSync(ssh, `#!/bin/sh\necho "ssh $1" >>'${dir}/log'\n[ "$1" != root@192.0.2.2 ] || exit 255\nexec sh -s\n`);
    chmodSync(ssh, 0o755);
    const machines = {
      control: { ...machine(['prometheus'], join(dir, 'c')), address: '192.0.2.1' },
      'nats-jp-1': { ...machine(['hayate-nats'], join(dir, 'n')), address: '192.0.2.3' },
      'nats-us-1': { ...machine(['hayate-nats'], join(dir, 'n')), address: '192.0.2.2' },
    };
    const { keys } = folders();
    mkdirSync(keys);
    const made = ['nats-ca.pem', 'nats-accounts.conf', 'nats-leaf.conf'];
    for (const id of ['nats-jp-1', 'nats-us-1']) made.push(`${id}.pem`, `${id}.key`, `${id}.creds`);
    for (const file of made) writeFileSync(join(keys, file), file);
    const push = fileURLToPath(new URL('push.ts', import.meta.url));
    const env = { PATH: path, HAYATE_SSH: ssh };
    const call = (...ids: string[]) =>
      execFileSync(process.execPath, [push, '--keys', keys, ...ids], {
        input: JSON.stringify(machines),
        env,
        encoding: 'utf8',
        stdio: 'pipe',
      });
    expect(() => call()).toThrow('nats-us-1: ');
    expect(log().filter((line) => line.startsWith('ssh'))).toEqual([
      'ssh root@192.0.2.3',
      'ssh root@192.0.2.2',
      'ssh root@192.0.2.1',
    ]);
    expect(readFileSync(join(dir, 'c'), 'utf8')).toBe('x');
    expect(call('control')).toBe('control: unchanged\n');
    expect(() => call('nobody')).toThrow('no such machine: nobody');
  });
});
