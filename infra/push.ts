// Brings machines their settings and keys over SSH: what `terraform output -json machines` says on standard input.
//
//   terraform output -json machines | node ../push.ts --keys keys --secrets secrets [--restart] [IDS...]
//
// Without --restart only Prometheus and Grafana are restarted: a relay that has started takes new settings at its next start.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

/** One machine of Terraform's output `machines`. */
export interface Machine {
  /** What SSH dials. */
  address: string;
  /** Names of systemd services, started once their files are there. */
  services: string[];
  /** Absolute path to contents. */
  files: Record<string, string>;
}

export interface Folders {
  /** Made by `hayate cluster keys`: ca.pem, nats-ca.pem, nats-accounts.conf, and ID.pem, ID.key and ID.creds of each machine. */
  keys: string;
  /** Every file in it goes to each relay's /etc/hayate: token.key, service.token, cert.pem, cert.key. */
  secrets: string;
}

/** Keys and secrets of a machine by their path there. Throws, naming the file, when one of its keys is missing. */
export function secretsOf(id: string, { services }: Machine, { keys, secrets }: Folders): Record<string, Buffer> {
  if (services.includes('hayate-control')) return controlSecrets(services, { keys, secrets });
  const of = (file: string, wanted: string) => {
    const path = join(keys, file);
    if (!existsSync(path)) throw new Error(`${path} is missing: hayate cluster keys --dir ${keys} ${wanted}`);
    return readFileSync(path);
  };
  const natsUser = (wanted: string) => ({
    '/etc/hayate/nats-ca.pem': of('nats-ca.pem', wanted),
    '/etc/hayate/nats.creds': of(`${id}.creds`, wanted),
  });
  if (services.includes('hayate-nats')) {
    const wanted = `... --nats ${id}=ADDRESS`;
    return {
      ...natsUser(wanted),
      '/etc/hayate/nats-accounts.conf': of('nats-accounts.conf', wanted),
      '/etc/hayate/nats-leaf.conf': of('nats-leaf.conf', wanted),
      '/etc/hayate/nats.pem': of(`${id}.pem`, wanted),
      '/etc/hayate/nats.key': of(`${id}.key`, wanted),
    };
  }
  if (!services.includes('hayate-relay')) return {};
  return {
    ...Object.fromEntries(
      readdirSync(secrets)
        // The API's token is the control node's alone.
        .filter((file) => file !== 'linode.token')
        .map((file) => [`/etc/hayate/${file}`, readFileSync(join(secrets, file))]),
    ),
    '/etc/hayate/ca.pem': of('ca.pem', id),
    '/etc/hayate/relay.pem': of(`${id}.pem`, id),
    '/etc/hayate/relay.key': of(`${id}.key`, id),
    ...natsUser(id),
  };
}

/** The control node lets relays in: it has the authority itself, and what it gives them. linode.token is its own. */
function controlSecrets(services: readonly string[], { keys, secrets }: Folders): Record<string, Buffer> {
  const user = join(keys, 'fleet.creds');
  const runsFleet = services.includes('hayate-fleet');
  if (runsFleet && !existsSync(user)) {
    throw new Error(`${user} is missing: hayate cluster keys --dir ${keys} --regions ... --fleet REGION`);
  }
  const own = [
    ...(runsFleet ? ['fleet.creds'] : []),
    'ca.pem',
    'ca.key',
    'nats-ca.pem',
    'nats-users.nk',
    'nats-leaf.conf',
  ].map((file) => ['/etc/hayate/', file, join(keys, file)] as const);
  const given = readdirSync(secrets).map(
    (file) => [`/etc/hayate/${file === 'linode.token' ? '' : 'secrets/'}`, file, join(secrets, file)] as const,
  );
  return Object.fromEntries([...own, ...given].map(([folder, file, path]) => [`${folder}${file}`, readFileSync(path)]));
}

/**
 * A shell script for the machine: writes what differs, whole or not at all, readable by root and the services' group alone;
 * then starts the services. Secrets are in it: it goes through a pipe, never into a file or an argument.
 */
export function script(
  files: Record<string, string | Uint8Array>,
  services: readonly string[],
  restart: boolean,
): string {
  const lines = [
    'set -eu',
    'umask 077',
    'cloud-init status --wait >/dev/null 2>&1 || true',
    'changed=0',
    'put() {',
    '  mkdir -p -m 755 "$(dirname "$1")"',
    '  base64 -d >"$1.new"',
    '  if cmp -s "$1.new" "$1"; then rm "$1.new"; return; fi',
    '  chown "root:$2" "$1.new"; chmod "$3" "$1.new"; mv "$1.new" "$1"; changed=1',
    '}',
  ];
  for (const [path, content] of Object.entries(files)) {
    if (!/^\/[A-Za-z0-9/._-]+$/.test(path)) throw new Error(`not a path that may be written: ${path}`);
    const ours = path.includes('/etc/hayate/');
    lines.push(`put '${path}' ${ours ? 'hayate 640' : 'root 644'} <<'.'`, Buffer.from(content).toString('base64'), '.');
  }
  for (const service of services) {
    if (restart || MONITORING.includes(service))
      lines.push(`if [ $changed = 1 ]; then systemctl restart ${service}; fi`);
    lines.push(`systemctl enable --quiet --now ${service}`);
  }
  lines.push('if [ $changed = 1 ]; then echo changed; else echo unchanged; fi', '');
  return lines.join('\n');
}

/** Nobody watches through them, and they run already when their settings come: Debian starts Prometheus as it is installed. */
const MONITORING = ['prometheus', 'hayate-grafana'];

/** Runs it there by `ssh` (HAYATE_SSH: another command, with its arguments); resolves with what it printed. */
function onMachine(address: string, input: string): Promise<string> {
  const [command = 'ssh', ...args] = (process.env['HAYATE_SSH'] ?? 'ssh -o BatchMode=yes').split(' ');
  const child = spawn(command, [...args, `root@${address}`, 'sh -s'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {}); // It went away: its exit code says more.
  child.stdin.end(input);
  const printed = text(child.stdout);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(printed.then((said) => said.trim()));
      else reject(new Error(`${command} to ${address} ended with ${code}`));
    });
  });
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      keys: { type: 'string', default: 'keys' },
      secrets: { type: 'string', default: 'secrets' },
      restart: { type: 'boolean', default: false },
    },
  });
  const machines = JSON.parse(await text(process.stdin)) as Record<string, Machine>;
  const unknown = positionals.filter((id) => !machines[id]);
  if (unknown.length > 0) {
    console.error(`push: no such machine: ${unknown.join(', ')}`);
    return 2;
  }
  let failed = 0;
  // NATS and the control node before relays; one after the other, so that a wrong setting stops one machine and not all.
  const order = Object.entries(machines).sort(([, a], [, b]) => rank(a) - rank(b));
  for (const [id, machine] of order) {
    if (positionals.length > 0 && !positionals.includes(id)) continue;
    try {
      const files = { ...machine.files, ...secretsOf(id, machine, values) };
      console.log(`${id}: ${await onMachine(machine.address, script(files, machine.services, values.restart))}`);
    } catch (error) {
      failed += 1;
      console.error(`${id}: ${(error as Error).message}`);
      if (values.restart) break;
    }
  }
  return failed > 0 ? 1 : 0;
}

const ORDER = ['hayate-nats', 'hayate-control', 'hayate-relay', 'prometheus'];
const rank = ({ services }: Machine) => ORDER.indexOf(services[0] ?? '');

if (import.meta.main) process.exitCode = await main();
