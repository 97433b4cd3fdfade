import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEngine } from '@hayate/engine';
import { type Pebble, startPebble } from '../../lib/pebble.ts';
import { hayate, type Running } from '../../lib/processes.ts';
import { rawViewer } from '../../lib/raw-viewer.ts';
import { startRelayProcess } from '../../lib/relay-process.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { SCRIPTS, startTest } from '../loadtest/relay-and-script.ts';
import { bornWithToken } from './born-with-token.ts';

/** So short that it is renewed, at two thirds of it, while the load runs. */
const VALID_S = 90;
const ROOMS = 5;
const VIEWERS = 20;
const LOAD_S = 100;

/** A control node and machines, as processes of their own in one folder. */
class Site {
  readonly dir = mkdtempSync(join(tmpdir(), 'hayate-enrolment-'));
  readonly #config = join(this.dir, 'control.json');
  #control: Running | undefined;
  url = '';

  async start(acme?: object): Promise<void> {
    const keys = join(this.dir, 'keys');
    await run(['cluster', 'keys', '--dir', keys, '--regions', 'jp']);
    mkdirSync(join(this.dir, 'secrets'));
    for (const name of ['token.key', 'service.token']) writeFileSync(join(this.dir, 'secrets', name), secret(name));
    writeFileSync(join(this.dir, 'linode.token'), secret('linode.token'));
    writeFileSync(
      this.#config,
      JSON.stringify({
        stateDir: join(this.dir, 'state'),
        listen: { host: '127.0.0.1', port: 0 },
        authority: { certFile: join(keys, 'ca.pem'), keyFile: join(keys, 'ca.key') },
        nats: {
          ...{ usersFile: join(keys, 'nats-users.nk'), leafFile: join(keys, 'nats-leaf.conf') },
          caFile: join(keys, 'nats-ca.pem'),
        },
        relays: { jp: { cluster: { relayId: '{id}', region: '{region}' } } },
        secretsDir: join(this.dir, 'secrets'),
        ...(acme && { acme }),
      }),
    );
    this.#control = hayate(['control', '--config', this.#config]);
    const hit = await this.#control.line(/"port":(\d+)/, 20_000);
    this.url = `https://127.0.0.1:${hit[1]}`;
  }

  get ca(): string {
    return readFileSync(join(this.dir, 'keys/ca.pem'), 'utf8');
  }

  get said(): string {
    return [...(this.#control?.stdout ?? []), ...(this.#control?.stderr ?? [])].join('\n');
  }

  async token(id: string, address?: string): Promise<string> {
    const flags = address === undefined ? [] : ['--address', address];
    const out = await run(['control', '--config', this.#config, 'token', '--region', 'jp', ...flags, id]);
    return (JSON.parse(out) as Record<string, string>)[id]!;
  }

  /** Ends every token's time, as if ten minutes had gone by. */
  age(): void {
    const db = new DatabaseSync(join(this.dir, 'state/enrolment.sqlite'), { timeout: 5000 });
    db.exec('UPDATE tokens SET ends_ms = ends_ms - 600000');
    db.close();
  }

  /** A folder as cloud-init leaves it. */
  machine(folder: string, id: string, token: string): string {
    const dir = join(this.dir, 'machines', folder);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'enrol.json'), JSON.stringify({ id, url: this.url, ca: this.ca, token }));
    return dir;
  }

  async close(): Promise<void> {
    await this.#control?.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const secret = (name: string) => `this is the secret of ${name}, found nowhere else`;

async function run(args: string[]): Promise<string> {
  const child = hayate(args);
  const code = await child.exited;
  if (code !== 0) throw new Error(`hayate ${args[0]} ${args[1]}: ${child.stderr.join(' ')}`);
  return child.stdout.join('\n');
}

/** `hayate enrol`: what it said, and whether it went well. */
async function enrol(dir: string): Promise<{ ok: boolean; said: string }> {
  const child = hayate(['enrol', '--dir', dir]);
  const code = await child.exited;
  return { ok: code === 0, said: [...child.stdout, ...child.stderr].join(' ').replace(/.*enrolment refused: /, '') };
}

async function judgeTokens(checks: Checks, { log }: ClaimContext): Promise<void> {
  log('tokens: good, replayed, foreign, late, guessed');
  const site = new Site();
  try {
    await site.start();
    const good = await site.token('jp-a-1');
    const own = site.machine('own', 'jp-a-1', good);
    const said: Record<string, string> = {};
    const expect = async (what: string, dir: string, ok: boolean) => {
      const answer = await enrol(dir);
      said[what] = answer.said;
      checks.check(answer.ok === ok, `${what}: ${answer.said}`);
      const got = readdirSync(dir).filter((name) => !['enrol.json', 'relay.key'].includes(name));
      if (!ok) checks.check(got.length === 0, `${what}: got ${got}`);
    };
    await expect('good', own, true);
    await expect('its own machine again', own, true);
    await expect('replayed by another machine', site.machine('replay', 'jp-a-1', good), false);
    await expect('foreign: the token of jp-a-3', site.machine('foreign', 'jp-a-2', await site.token('jp-a-3')), false);
    const elsewhere = await site.token('jp-a-4', '192.0.2.1');
    await expect('foreign: another address', site.machine('address', 'jp-a-4', elsewhere), false);
    const late = await site.token('jp-a-5');
    site.age();
    await expect('late', site.machine('late', 'jp-a-5', late), false);
    await expect('guessed', site.machine('guess', 'jp-a-6', 'x'.repeat(43)), false);
    checks.figure('answers', said);
    const names = readdirSync(own).sort();
    checks.figure('what a machine has then', names);
    const wanted = ['token.key', 'relay.pem', 'nats-ca.pem', 'nats.creds'];
    checks.check(
      wanted.every((name) => names.includes(name)),
      `${names}`,
    );
    const texts = [site.said, ...walk(join(site.dir, 'state')).map((file) => readFileSync(file, 'latin1'))];
    const found = [good, elsewhere, late].filter((token) => texts.some((text) => text.includes(token)));
    checks.check(found.length === 0, 'a token is in the log or the files of the control node');
  } finally {
    await site.close();
  }
}

const walk = (dir: string): string[] =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? walk(path) : [path];
  });

async function judgeRenewal(checks: Checks, { log }: ClaimContext): Promise<void> {
  const started = await startPebble({ validSeconds: VALID_S });
  if ('skip' in started) return checks.skip(`certificate: ${started.skip}`);
  const pebble: Pebble = started;
  const site = new Site();
  const engine = openEngine();
  try {
    const names = ['*.live.example.com', 'localhost'];
    const { directoryUrl, caFile, dnsCommand: command } = pebble;
    await site.start({ directoryUrl, names, caFile, checkDns: false, dns: { kind: 'command', command } });
    const dir = site.machine('relay', 'jp-a-1', await site.token('jp-a-1'));
    const until = performance.now() + 60_000;
    // The order takes a moment; its machine comes again, as its timer makes it.
    while (!readdirSync(dir).includes('cert.pem')) {
      const { ok, said } = await enrol(dir);
      if (!ok || performance.now() > until) throw new Error(`no certificate: ${said}; ${site.said}`);
    }
    const first = leaf(dir);
    checks.figure('certificate', { names: first.subjectAltName, issuer: first.issuer, valid_s: VALID_S });
    const stateDir = join(site.dir, 'relay-state');
    mkdirSync(stateDir);
    const flags = ['--certificate-cert-file', join(dir, 'cert.pem'), '--certificate-key-file', join(dir, 'cert.key')];
    const relay = await startRelayProcess(stateDir, flags);
    try {
      log(`renewal under load: ${ROOMS * VIEWERS} viewers for ${LOAD_S} s`);
      const load = startTest(join(SCRIPTS, 'steady.ts'), stateDir, {
        ...{ ROOMS: `${ROOMS}`, VIEWERS: `${VIEWERS}`, SECONDS: `${LOAD_S}`, JOIN_SECONDS: '5' },
      });
      let over = false;
      void load.ended.then(() => {
        over = true;
      });
      const serials = new Set([first.serialNumber]);
      while (!over) {
        await sleep(3000);
        const { ok, said } = await enrol(dir);
        checks.check(ok, `enrol: ${said}`);
        serials.add(leaf(dir).serialNumber);
      }
      const { metrics } = await load.ended;
      // The relay reads the files each second: who comes now sees the newest, and takes no other.
      await sleep(2500);
      const to = await relay.tokens('after');
      const newest = fingerprint(leaf(dir));
      const came = await rawViewer(engine, { ...to, hash: newest }, 1, () => {}).then(
        ({ session }) => {
          session.close();
          return true;
        },
        () => false,
      );
      const old = await rawViewer(engine, { ...to, hash: fingerprint(first) }, 2, () => {}).then(
        () => true,
        () => false,
      );
      const figures = {
        certificates: serials.size,
        viewers: metrics['viewers']?.['max'],
        sessions_lost: metrics['sessions_lost']?.['count'] ?? 0,
        motion_exact: metrics['motion_exact']?.['value'],
        newcomers_see_the_newest: came,
        newcomers_see_the_first: old,
      };
      checks.figure('renewed under load', figures);
      checks.check(serials.size >= 2, `${serials.size} certificates: none was renewed`);
      checks.check(figures.viewers === ROOMS * VIEWERS, `${figures.viewers} viewers`);
      checks.check(figures.sessions_lost === 0, `${figures.sessions_lost} sessions lost`);
      checks.check(came, 'newcomers do not see the newest certificate');
      checks.check(!old, 'control: the first certificate is shown still');
    } finally {
      await relay.stop();
    }
  } finally {
    await engine.close();
    await site.close();
    await pebble.close();
  }
}

const leaf = (dir: string) => new X509Certificate(readFileSync(join(dir, 'cert.pem')));
const fingerprint = (certificate: X509Certificate) => certificate.fingerprint256.replaceAll(':', '').toLowerCase();

async function judgeRun(context: ClaimContext) {
  const checks = new Checks();
  await judgeTokens(checks, context);
  await bornWithToken(checks, context);
  await judgeRenewal(checks, context);
  return checks.outcome();
}

export const enrolment: Claim = {
  id: 'deploy.3',
  title:
    'Enrolment: replayed, late, foreign and guessed tokens are refused; user_data and Terraform’s outputs hold no secret but the token, which is worthless once used; a certificate by a real ACME server is renewed under load with no session lost',
  seconds: 240,
  run: judgeRun,
};
