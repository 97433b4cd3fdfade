import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { issueCertificate, makeAuthority } from '@hayate/engine';
import type { WebhookMode } from '../../lib/app-backend.ts';
import { natsServer, startNats } from '../../lib/nats.ts';
import { TcpLine } from '../../lib/tcp-line.ts';
import type { Fault, Found } from './fault.ts';
import { cannotMount, type Mounts, openMounts } from './mounts.ts';
import type { Stage } from './stage.ts';

/** What the relay leans on outside fails, and nobody in the room sees anything of it. */
const NOTHING_SEEN = { ended: 0, stillMs: 200, duringMs: 10 };
const ILL_MS = 3000;
/** Deliveries are tried again after 1 s, then 2 s, then 4 s; half of each is chance. */
const DELIVERED_MS = 10_000;

const GOES_ON = {
  meanwhile: 'gifts are acked all the while',
  delivered: `all that was acked meanwhile is delivered within ${DELIVERED_MS / 1000} s afterwards`,
};

/** Gifts go on while the backend cannot be reached, and all of them get there once it can. */
async function undelivered(
  stage: Stage,
  begin: () => Promise<void>,
  end: () => Promise<void>,
): Promise<Record<string, Found>> {
  const { load, webhook } = stage;
  const [acked, got] = [load.acked.length, webhook.delivered.length];
  await begin();
  await sleep(ILL_MS);
  const meanwhile = load.acked.length - acked;
  const none = webhook.delivered.length - got;
  const owed = load.acked.map(({ ticket }) => ticket.jti);
  await end();
  const since = performance.now();
  const missing = () => {
    const there = new Set(webhook.delivered.map(({ data }) => data.key));
    return owed.filter((jti) => !there.has(jti)).length;
  };
  while (missing() > 0 && performance.now() - since < 2 * DELIVERED_MS) await sleep(50);
  const ms = Math.round(performance.now() - since);
  return {
    meanwhile: {
      // What was on its way when it began may have got there.
      ok: meanwhile >= 10 && none < meanwhile / 2,
      measured: `${meanwhile} gifts acked meanwhile, ${none} delivered`,
    },
    delivered: {
      ok: missing() === 0 && ms <= DELIVERED_MS,
      measured: missing() > 0 ? `${missing()} never delivered` : `all delivered ${ms} ms afterwards`,
    },
  };
}

const webhook = (mode: WebhookMode, does: string): Fault => ({
  name: `webhook-${mode}`,
  does: `${does}, for ${ILL_MS / 1000} s`,
  limits: NOTHING_SEEN,
  also: GOES_ON,
  setup: () => ({ flags: ['--gifts-webhook-timeout-ms', '1000'] }),
  inflict: (stage) =>
    undelivered(
      stage,
      () => stage.webhook.become(mode),
      () => stage.webhook.become('well'),
    ),
});

let mounts: Mounts | undefined;

const dnsGone: Fault = {
  name: 'dns-gone',
  does: `the webhook’s host name resolves no more (an empty hosts file and resolv.conf in a mount namespace), for ${ILL_MS / 1000} s`,
  limits: NOTHING_SEEN,
  also: GOES_ON,
  cannot: cannotMount,
  async setup(folder) {
    const etc = join(folder, 'etc');
    mkdirSync(etc);
    writeFileSync(join(etc, 'hosts'), '127.0.0.1 localhost\n');
    for (const file of ['resolv.conf', 'none']) writeFileSync(join(etc, file), '');
    writeFileSync(join(etc, 'nsswitch.conf'), 'hosts: files dns\n');
    const own = ['hosts', 'resolv.conf', 'nsswitch.conf'].map((file) => `mount --bind ${etc}/${file} /etc/${file}`);
    const opened = await openMounts(own.join(' && '));
    mounts = opened;
    return {
      flags: ['--gifts-webhook-timeout-ms', '1000'],
      around: { wrap: opened.wrap },
      webhookUrl: (port) => `http://localhost:${port}/gifts`,
      clean: () => opened.close(),
    };
  },
  inflict: (stage) =>
    undelivered(
      stage,
      async () => {
        // A connection that is kept asks for no name.
        await mounts!.sh(': > /etc/hosts');
        await stage.webhook.become('down');
        await stage.webhook.become('well');
      },
      () => mounts!.sh('echo "127.0.0.1 localhost" > /etc/hosts'),
    ),
};

const REGION = 'local';
let line: TcpLine | undefined;

/** A relay that is one of a cluster, with one NATS server behind a line. */
function nats(
  name: string,
  does: string,
  also: NonNullable<Fault['also']>,
  inflict: (stage: Stage, line: TcpLine) => Promise<Record<string, Found>>,
): Fault {
  return {
    ...{ name, does, also, limits: NOTHING_SEEN, ledgerElsewhere: true },
    async cannot() {
      const binary = await natsServer();
      return 'skip' in binary ? binary.skip : undefined;
    },
    async setup(folder) {
      const rig = await startNats({ regions: [REGION] });
      const slow = { delayMs: 0, jitterMs: 0, loss: 0, seed: 1 };
      const opened = await TcpLine.to(Number(new URL(rig.regions[0]!.urls[0]!).port), slow);
      line = opened;
      const ca = makeAuthority();
      const { cert, key } = issueCertificate({ authority: { key: ca.key }, names: ['one.relay.hayate'] });
      const files = { 'ca.pem': ca.cert, 'relay.pem': cert, 'relay.key': key };
      for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text, { mode: 0o600 });
      return {
        flags: [
          ...['--cluster-relay-id', 'one', '--cluster-region', REGION, '--cluster-regions', REGION],
          ...['--cluster-ca-file', join(folder, 'ca.pem'), '--cluster-cert-file', join(folder, 'relay.pem')],
          ...['--cluster-key-file', join(folder, 'relay.key'), '--cluster-nats-urls', `nats://${opened.address}`],
          ...['--cluster-nats-replicas', '1', '--cluster-listen-host', '127.0.0.1', '--cluster-listen-port', '0'],
        ],
        async clean() {
          await opened.close();
          await rig.stop();
        },
      };
    },
    inflict: (stage) => inflict(stage, line!),
  };
}

/** How long until a gift is acked again, after what is under way. */
async function backFound(stage: Stage, limitMs: number): Promise<Found> {
  const since = performance.now();
  const before = stage.load.acked.length;
  while (stage.load.acked.length === before && performance.now() - since < 2 * limitMs) await sleep(20);
  const ms = Math.round(performance.now() - since);
  return { ok: ms <= limitMs, measured: `gifts acked again after ${ms} ms` };
}

export const outsideFaults: Fault[] = [
  webhook('down', 'nobody listens where gifts are delivered'),
  webhook('hangs', 'the backend takes deliveries and never answers'),
  webhook('fails', 'the backend answers 500'),
  webhook('garbage', 'the backend answers with bytes that are no HTTP'),
  dnsGone,
  nats(
    'nats-gone',
    'the only NATS server of a relay in a cluster cannot be reached for 3 s: connections end at once, new ones are refused',
    {
      join: 'a newcomer is let into the running room within 1 s meanwhile',
      back: 'gifts are acked within 5 s afterwards',
    },
    async (stage, cable) => {
      cable.cut();
      await sleep(1500);
      const join = await stage.joinFound(1000);
      await sleep(1500);
      cable.heal();
      return { join, back: await backFound(stage, 5000) };
    },
  ),
  nats(
    'nats-slow',
    'what passes between a relay in a cluster and its only NATS server takes 3 s',
    {
      join: 'a newcomer is let into the running room within 1 s meanwhile',
      back: 'gifts are acked within 5 s afterwards',
    },
    async (stage, cable) => {
      cable.stall(3000);
      await sleep(1500);
      const join = await stage.joinFound(1000);
      await sleep(1500);
      return { join, back: await backFound(stage, 5000) };
    },
  ),
];
