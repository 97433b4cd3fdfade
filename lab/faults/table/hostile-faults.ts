import { setTimeout as sleep } from 'node:timers/promises';
import { readMetrics, total } from '../../lib/metrics.ts';
import { rssKb } from '../../lib/proc.ts';
import type { RelayAddress } from '../../lib/raw-session.ts';
import { RawSession } from '../../lib/raw-session.ts';
import { UdpLine } from '../../lib/udp-line.ts';
import type { Attack, Attacked } from './attackers.ts';
import type { Fault, Found } from './fault.ts';
import type { Stage } from './stage.ts';

/** What harm from outside may do to the others: nothing that they see. */
const NOTHING_SEEN = { ended: 0, stillMs: 250, duringMs: 20 };
const SECONDS = 4;
const JOIN_MS = 1000;
const JOINS = { join: `a newcomer is let in within ${JOIN_MS} ms meanwhile` };

/** An attack that came short of what was asked for shows nothing. */
function offered({ sent, seconds }: Attacked, { perSecond }: Attack, what: string): Found {
  const rate = Math.round(sent / seconds);
  return { ok: rate >= 0.9 * perSecond, measured: `${rate} ${what} a second` };
}

/** Counted by the relay: the attack did get there. */
async function metric(stage: Stage, name: string, labels: Record<string, string> = {}): Promise<number> {
  const all = await readMetrics(stage.running.metrics);
  const of = all.filter((each) => Object.entries(labels).every(([key, value]) => each.labels[key] === value));
  return total(of, name);
}

function series({ metric: name, labels }: { metric: string; labels: Record<string, string> }): string {
  return `\`${[name, ...Object.values(labels)].join(' ')}\``;
}

/** Half-open ones end after 5 s; at most 512 are under way before addresses are validated first. */
const HALF_OPEN = { metric: 'hayate_handshakes_total', labels: { result: 'timed_out' }, atLeast: 400 };
const HALF_OPEN_SECONDS = 7;

function flood(
  fault: Pick<Fault, 'name' | 'does'> & { what: string; perSecond: number; seconds?: number },
  attack: (stage: Stage, attack: Attack) => Promise<Attacked>,
  counted: { metric: string; labels: Record<string, string>; atLeast: number },
): Fault {
  const { name, does, what, perSecond, seconds = SECONDS } = fault;
  const asked = { seconds, perSecond };
  return {
    ...{ name, does, limits: NOTHING_SEEN },
    also: {
      offered: `at least ${0.9 * perSecond} ${what} a second were sent`,
      counted: `the relay counts at least ${counted.atLeast} of it (${series(counted)})`,
      ...JOINS,
    },
    async inflict(stage) {
      const before = await metric(stage, counted.metric, counted.labels);
      const under = attack(stage, asked);
      await sleep((seconds * 1000) / 2);
      const join = await stage.joinFound(JOIN_MS);
      const done = await under;
      const grown = (await metric(stage, counted.metric, counted.labels)) - before;
      return {
        offered: offered(done, asked, what),
        counted: { ok: grown >= counted.atLeast, measured: `${series(counted)} +${grown}` },
        join,
      };
    },
  };
}

const port = ({ running }: Stage) => Number(new URL(running.url).port);

const people = (stage: Stage, count: number): Promise<RelayAddress[]> =>
  Promise.all(Array.from({ length: count }, (_, n) => stage.address(`stranger-${n}`)));

export const hostileFaults: Fault[] = [
  flood(
    {
      name: 'packet-storm',
      does: 'datagrams of random bytes (1 to 1400) at the relay’s port for 4 s, of any first byte',
      ...{ what: 'datagrams', perSecond: 5000 },
    },
    (stage, attack) => stage.attackers.noise(port(stage), attack),
    // All that the relay takes in is counted, whatever it is; the load's own is below 1 MB.
    { metric: 'hayate_udp_bytes_total', labels: { direction: 'in' }, atLeast: 10_000_000 },
  ),
  flood(
    {
      name: 'half-open-handshakes',
      does: 'first packets of handshakes that nobody goes on with, each of another connection, from one address for 7 s',
      ...{ what: 'handshakes', perSecond: 1667, seconds: HALF_OPEN_SECONDS },
    },
    async (stage, attack) => stage.attackers.handshakes(await stage.address('stranger'), { ...attack, addresses: 1 }),
    HALF_OPEN,
  ),
  flood(
    {
      name: 'forged-handshakes',
      does: 'the same from 200 addresses of 127.0.0.0/8: as far as sources can be forged on loopback without raw sockets',
      ...{ what: 'handshakes', perSecond: 1667, seconds: HALF_OPEN_SECONDS },
    },
    async (stage, attack) => stage.attackers.handshakes(await stage.address('stranger'), { ...attack, addresses: 200 }),
    HALF_OPEN,
  ),
  flood(
    {
      name: 'malformed-datagrams',
      does: 'a session that was let in as a liver sends datagrams of random bytes, half of them with the type of a bundle, a probe or a request, for 4 s',
      ...{ what: 'datagrams', perSecond: 500 },
    },
    async (stage, attack) => stage.attackers.datagrams(await stage.address('stranger', ['liver', 'viewer']), attack),
    { metric: 'hayate_datagrams_refused_total', labels: {}, atLeast: 200 },
  ),
  flood(
    {
      name: 'malformed-controls',
      does: 'sessions that are let in and send control messages of random bytes, or of lengths over the limit, for 4 s',
      ...{ what: 'sessions', perSecond: 50 },
    },
    async (stage, attack) => stage.attackers.controls(await stage.address('stranger'), attack),
    { metric: 'hayate_refused_total', labels: {}, atLeast: 100 },
  ),
  flood(
    {
      name: 'comment-flood',
      does: '20 people send comments of 120 characters as fast as they are read, for 4 s',
      ...{ what: 'comments', perSecond: 5000 },
    },
    async (stage, attack) => stage.attackers.comments(await people(stage, 20), attack),
    { metric: 'hayate_comments_total', labels: {}, atLeast: 20 },
  ),
  {
    name: 'viewers-that-never-read',
    does: '20 viewers open comments and gifts and read nothing of them for 4 s',
    limits: NOTHING_SEEN,
    also: { memory: 'the relay grows by at most 20 MB' },
    async inflict(stage) {
      const before = rssKb(stage.pid);
      await stage.attackers.deaf(await people(stage, 20), { seconds: SECONDS, perSecond: 0 });
      const grown = Math.round((rssKb(stage.pid) - before) / 1024);
      return { memory: { ok: grown <= 20, measured: `grown by ${grown} MB` } };
    },
  },
  {
    name: 'viewers-that-ack-nothing',
    does: '20 more viewers whose packets vanish on their way to the relay, so that nothing of what it sends them is acknowledged, for 4 s',
    limits: NOTHING_SEEN,
    also: { memory: 'the relay grows by at most 20 MB', there: 'they had media before' },
    async inflict(stage) {
      const line = await UdpLine.to(port(stage), {});
      let came = 0;
      const sessions: RawSession[] = [];
      try {
        const before = rssKb(stage.pid);
        for (const to of await people(stage, 20)) {
          const url = new URL(to.url);
          url.port = String(line.port);
          const raw = await RawSession.open(stage.engine, { ...to, url: url.href }, 0, () => {
            came += 1;
          });
          raw.send({ t: 'watch', id: 1 });
          await raw.answer('done');
          sessions.push(raw);
        }
        await sleep(500);
        const had = came;
        line.path = { upBlocked: true };
        await sleep(SECONDS * 1000);
        const grown = Math.round((rssKb(stage.pid) - before) / 1024);
        return {
          memory: { ok: grown <= 20, measured: `grown by ${grown} MB` },
          there: { ok: had > 0, measured: `${had} datagrams came to them before` },
        };
      } finally {
        for (const raw of sessions) {
          raw.session.closed.catch(() => {});
          raw.session.close();
        }
        line.close();
      }
    },
  },
  {
    name: 'liver-that-floods',
    does: 'a second liver of the room sends 4000 frames a second, of which the relay allows 400',
    limits: NOTHING_SEEN,
    also: { ended: 'its session ends with rate_limited' },
    async inflict(stage) {
      const to = await stage.address('flooder', ['liver', 'viewer']);
      const { ended, sent } = await stage.attackers.liver(to, { seconds: 6, perSecond: 4000 });
      const ok = ended?.includes('401') ?? false;
      return { ended: { ok, measured: `after ${sent} frames its session ended with ${ended ?? 'nothing'}` } };
    },
  },
  ...([10_000, -10_000] as const).map(
    (aheadMs): Fault => ({
      name: `liver-with-a-clock-${aheadMs > 0 ? 'ahead' : 'behind'}`,
      does: `a second liver of the room says of its frames that they were taken 10 s ${aheadMs > 0 ? 'later' : 'earlier'} than they were`,
      limits: NOTHING_SEEN,
      also: { refused: 'its frames are refused and counted' },
      async inflict(stage) {
        const name = 'hayate_datagrams_refused_total';
        const before = await metric(stage, name);
        const to = await stage.address('wrong', ['liver', 'viewer']);
        const { sent } = await stage.attackers.liver(to, { seconds: SECONDS, perSecond: 30, aheadMs });
        const refused = (await metric(stage, name)) - before;
        return { refused: { ok: refused >= 0.8 * sent, measured: `${refused} of ${sent} refused` } };
      },
    }),
  ),
  slow('slow-http', 'begin a request to the HTTP API', (stage) => Number(new URL(stage.running.http).port), false),
  slow('slow-tls', 'begin a TLS handshake at the WebSocket fallback’s port', port, true),
];

/** Slowloris. */
function slow(name: string, does: string, portOf: (stage: Stage) => number, tls: boolean): Fault {
  const connections = 300;
  return {
    name,
    does: `${connections} TCP connections ${does} and send a byte of it each 0.25 s, for 4 s`,
    limits: NOTHING_SEEN,
    also: { api: `the HTTP API answers within ${JOIN_MS} ms meanwhile`, ...JOINS },
    async inflict(stage) {
      const under = stage.attackers.slow(portOf(stage), { seconds: SECONDS, perSecond: connections, tls });
      await sleep((SECONDS * 1000) / 2);
      const [api, join] = await Promise.all([apiFound(stage), stage.joinFound(JOIN_MS)]);
      const { open, sent } = await under;
      return { api: { ...api, measured: `${api.measured}, ${open} of ${sent} connections open` }, join };
    },
  };
}

async function apiFound(stage: Stage): Promise<Found> {
  const since = performance.now();
  try {
    const signal = AbortSignal.timeout(5 * JOIN_MS);
    const { status } = await fetch(new URL('/healthz', stage.running.http), { signal });
    const ms = Math.round(performance.now() - since);
    return { ok: status === 200 && ms <= JOIN_MS, measured: `the API answered ${status} after ${ms} ms` };
  } catch (error) {
    return { ok: false, measured: `the API did not answer: ${(error as Error).message}` };
  }
}
