import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEngine } from '@hayate/engine';
import { Control, controlStream } from '@hayate/loadtest/internal';
import { parseConfig } from '../../relay/config/load.ts';
import { Counters } from '../../relay/telemetry/counters.ts';
import { openTelemetry } from '../../relay/telemetry/traces/open.ts';
import { silent } from '../../relay/test/silent.ts';
import { Livers } from '../faults/media-livers.ts';
import { type Office, openOffice, openWebhookReceiver } from '../lib/app-backend.ts';
import { readMetrics, total } from '../lib/metrics.ts';
import { cpuUs } from '../lib/proc.ts';
import { RawGifts } from '../lib/raw-gifts.ts';
import { rawViewer } from '../lib/raw-viewer.ts';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';
import { Collector } from './traced-backend.ts';

const ROOM = 'crowd';
/** Shared sockets, or a crowd runs out of ports. */
const SOCKETS = 16;
const AT_ONCE = 25;
const LINK = { tx: { delayMs: 5 }, rx: { delayMs: 5 } };

interface TraceCostPlan {
  /** Of each of the two relays. */
  viewers: number;
  giftsPerSecond: number;
  metricsSeconds: number;
  joinsPerSecond: number;
  /** Of one measurement, and before it: what is compiled and cached at first is not of the load. */
  seconds: number;
  warmUpSeconds: number;
  rounds: number;
}

/** One relay under its load. */
interface Spent {
  /** CPU of a second, ms: of all threads of the relay. */
  cpuMs: number;
  datagrams: number;
  viewers: number;
  /** Gifts and joins that came to nothing. */
  failed: number;
}

export interface Round {
  without: Spent;
  with: Spent;
}

/** More than this apart, and the two relays did not do the same. */
const MOST_APART = 0.02;

/** Whether both relays sent as much to as many. */
export function comparable({ without, with: other }: Round): boolean {
  const same = other.viewers === without.viewers && other.failed === without.failed;
  return same && Math.abs(other.datagrams / without.datagrams - 1) < MOST_APART;
}

/**
 * CPU of two relays under the same load at the same time on the same cores, one of which sends its telemetry to a collector;
 * which of them was started first changes each round. `same`: both without, for what the measurement itself is worth.
 */
export async function traceCost(plan: TraceCostPlan, log: (text: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-trace-cost-'));
  const [collector, webhook] = [await Collector.open(), await openWebhookReceiver(folder)];
  const [rounds, same]: [Round[], Round[]] = [[], []];
  const common = ['--transport', 'engine', ...webhook.flags];
  const telemetry = [
    ...['--telemetry-otlp-endpoint', collector.url],
    ...['--telemetry-otlp-metrics-seconds', String(plan.metricsSeconds)],
  ];
  try {
    for (let round = 0; round < plan.rounds; round++) {
      const pair = [common, [...common, ...telemetry]];
      if (round % 2 === 1) pair.reverse();
      const spent = await measured(pair, join(folder, `telemetry-${round}`), plan);
      if (round % 2 === 1) spent.reverse();
      rounds.push({ without: spent[0]!, with: spent[1]! });
      log(`round ${round + 1}: ${textOf(rounds.at(-1)!)}`);
      const [first, second] = await measured([common, common], join(folder, `same-${round}`), plan);
      same.push({ without: first!, with: second! });
      log(`control, both without: ${textOf(same.at(-1)!)}`);
    }
    return { rounds, same, spans: collector.spans.length, metrics: collector.metrics.size };
  } finally {
    await Promise.all([collector.close(), webhook.close()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function textOf({ without, with: other }: Round): string {
  const text = ({ cpuMs, datagrams, viewers }: Spent) =>
    `${cpuMs.toFixed(1)} ms a second (${datagrams} datagrams, ${viewers} viewers)`;
  return `${text(without)} and ${text(other)}`;
}

async function measured(flags: string[][], folder: string, plan: TraceCostPlan): Promise<Spent[]> {
  mkdirSync(folder);
  const loads: Load[] = [];
  try {
    for (const [n, each] of flags.entries()) {
      const stateDir = join(folder, String(n));
      loads.push(await Load.start(await startRelayProcess(stateDir, each), plan));
    }
    await run(loads, plan, plan.warmUpSeconds);
    return await run(loads, plan, plan.seconds);
  } finally {
    for (const load of loads) await load.close();
  }
}

async function run(loads: Load[], plan: TraceCostPlan, seconds: number): Promise<Spent[]> {
  const sentBefore = await Promise.all(loads.map((load) => load.sent()));
  const before = loads.map(({ pid }) => cpuUs(pid));
  const beganMs = performance.now();
  const passed = () => (performance.now() - beganMs) / 1000;
  const under: Promise<void>[] = [];
  const failed = loads.map(() => 0);
  const each = (act: (load: Load) => Promise<void>) => {
    for (const [n, load] of loads.entries()) under.push(act(load).catch(() => void failed[n]!++));
  };
  for (let [gifts, joins] = [0, 0]; passed() < seconds; await sleep(20)) {
    for (; gifts < passed() * plan.giftsPerSecond; gifts++) each((load) => load.give());
    for (; joins < passed() * plan.joinsPerSecond; joins++) each((load) => load.join());
  }
  await Promise.all(under);
  const tookMs = performance.now() - beganMs;
  const spent = loads.map(({ pid }, n) => (cpuUs(pid) - before[n]!) / tookMs);
  const sent = await Promise.all(loads.map((load) => load.sent()));
  return loads.map((_, n) => ({
    cpuMs: spent[n]!,
    datagrams: sent[n]!.datagrams - sentBefore[n]!.datagrams,
    viewers: sent[n]!.viewers,
    failed: failed[n]!,
  }));
}

/** CPU us of a gift's five spans, exported to a collector on this machine; of many, hot. */
export async function giftCostUs(gifts: number): Promise<number> {
  const collector = await Collector.open();
  const config = parseConfig({ telemetry: { otlp: { endpoint: collector.url, metricsSeconds: 0 } } });
  const { traces, close } = await openTelemetry(config, { counters: new Counters(), log: silent });
  const one = async (n: number) => {
    const gift = { jti: `gift-${n}`, room: 'r', sender: 'ann', liver: 'mio', item: 'star', reg: 'jp' };
    const submission = traces!.gifts.submit('session');
    submission.checked({ ...gift, amount: 1, currency: 'JPY' });
    const receipt = { id: n, room: 'r', sequence: n, atMs: 0, repeat: false };
    submission.taken(await submission.step('gift.commit', async () => receipt));
    const record = { kind: 'gift' as const, key: gift.jti, reg: 'jp', room: 'r', gift: null };
    traces!.gifts.shown(record, 'giver', 1, performance.timeOrigin);
    traces!.gifts.attempt(record, 1).end('delivered', { status: 204 });
  };
  const all = async (count: number) => {
    for (let n = 0; n < count; n++) {
      await one(n);
      // As they are sent: a batch at a time, and none is left out.
      if (n % 50 === 0) await sleep(10);
    }
  };
  // The first ones compile.
  await all(gifts / 4);
  const before = process.cpuUsage();
  await all(gifts);
  const { user, system } = process.cpuUsage(before);
  await close();
  await collector.close();
  return (user + system) / gifts;
}

/** A liver, viewers, a giver and newcomers of one relay. */
class Load {
  readonly #relay: RelayProcess;
  readonly #office: Office;
  readonly #engine = openEngine();
  readonly #livers = new Livers();
  #giver: RawGifts | undefined;
  #n = 0;

  private constructor(relay: RelayProcess, office: Office) {
    this.#relay = relay;
    this.#office = office;
  }

  static async start(relay: RelayProcess, { viewers }: TraceCostPlan): Promise<Load> {
    const load = new Load(relay, await openOffice(relay.stateDir));
    const { url, hash, liverToken } = await relay.tokens(ROOM);
    const target = { url, certificateHashes: [hash], token: liverToken };
    await load.#livers.live({ target, relays: [], link: LINK, fps: 30, voiceMs: 20 });
    for (let n = 0; n < viewers; n += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, viewers - n) }, (_, k) => load.#watch(n + k));
      await Promise.all(some);
    }
    const token = await load.#office.token(ROOM, 'giver');
    load.#giver = await RawGifts.open(load.#engine, { url, hash, token });
    return load;
  }

  get pid(): number {
    return this.#relay.pid;
  }

  /** A viewer whose datagrams are acknowledged and counted, and never cross into JavaScript. */
  async #watch(n: number, tries = 3): Promise<void> {
    const { url, hashes } = this.#relay;
    const session = this.#engine.connect(url, {
      serverCertificateHashes: hashes.map((hash) => ({ algorithm: 'sha-256', value: Buffer.from(hash, 'hex') })),
      socketGroup: 1 + (n % SOCKETS),
    });
    session.setDatagramMode('refuse');
    try {
      const control = new Control(session, await controlStream(session));
      control.send({ t: 'hello', v: 1, token: await this.#office.token(ROOM, `viewer-${n}`) });
      control.send({ t: 'watch', id: 1 });
      await control.answer('done');
      control.drain();
    } catch (error) {
      session.close();
      // Where there is no core to spare, a hello may come too late.
      if (tries <= 1) throw error;
      await this.#watch(n, tries - 1);
    }
  }

  /** What the relay has sent so far, and to how many. */
  async sent(): Promise<{ datagrams: number; viewers: number }> {
    const samples = await readMetrics(this.#relay.metrics);
    return {
      datagrams: total(samples, 'hayate_datagrams_total', { direction: 'out' }),
      viewers: total(samples, 'hayate_viewers'),
    };
  }

  async give(): Promise<void> {
    const gift = { jti: `gift-${this.#n++}`, room: ROOM, sender: 'giver', liver: 'mio', item: 'star' };
    const ticket = await this.#office.ticket({ ...gift, amount: 100, currency: 'JPY', reg: 'local' });
    await this.#giver!.give(ticket);
  }

  async join(): Promise<void> {
    const token = await this.#office.token(ROOM, `newcomer-${this.#n++}`);
    const { url, hashes } = this.#relay;
    const viewer = await rawViewer(this.#engine, { url, hash: hashes[0]!, token }, 1, () => {});
    viewer.session.close();
  }

  async close(): Promise<void> {
    this.#livers.end();
    await this.#giver?.close().catch(() => {});
    await this.#engine.close();
    await this.#relay.stop();
  }
}
