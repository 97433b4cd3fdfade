import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRoom, type Room } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { drawTrace, type SeenSpan, spansIn, traceFaults } from '../../relay/test/spans.ts';
import { openOffice } from '../lib/app-backend.ts';
import { Cluster } from '../regions/cluster.ts';
import { Collector, TracedBackend } from './traced-backend.ts';

const ROOM = 'traced';
/** Near enough that nothing waits for it, and not nothing. */
const OCEAN = { outMs: 10, backMs: 10, jitterMs: 0, loss: 0, burstMs: 0, seed: 1 };
const WAIT_MS = 90_000;
/** Given just before the relay dies. */
const BEFORE_DEATH = 10;

/** A gift's trace, judged. */
export interface Judged {
  spans: SeenSpan[];
  faults: string[];
  /** Names of spans, each with whose they are. */
  by: string[];
}

export interface TracedGifts {
  /** Taken in the region where it was given. */
  near: Judged;
  /** Given in a region that has it taken by the other one. */
  far: Judged;
  /** As text, for docs/operations.md. */
  picture: string;
  /** Viewers that were shown `near`, and whether each got it after its relay says it did. */
  viewers: Record<string, boolean>;
  /** Of `near` the collector has what the file has, but for the backend's own. */
  collected: boolean;
  /** Relays whose metrics the collector has, with how many names. */
  metrics: Record<string, number>;
  /** Controls: the header was taken off on the way; a relay had no traces. Each must have faults. */
  stripped: Judged;
  untraced: string[];
  /** Acked just before their relay was killed, and delivered by another one. */
  killed: { acked: number; delivered: number; inTheirTrace: number; whole: number; by: string[]; faults: string[] };
}

/** Gifts in two regions of real relays, real NATS and a backend that traces as well. */
export async function tracedGifts(log: (text: string) => void): Promise<TracedGifts> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-traced-'));
  const file = join(folder, 'spans.jsonl');
  const secretFile = join(folder, 'webhook.secret');
  writeFileSync(file, '');
  writeFileSync(secretFile, `whsec_${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
  const [backend, collector] = [await TracedBackend.open(file), await Collector.open()];
  const engine = openEngine();
  const rooms: Room[] = [];
  const closing = [() => backend.close(), () => collector.close(), () => engine.close()];
  try {
    const cluster = await Cluster.start(
      {
        ...{ relaysPerRegion: 1, natsServers: 1, ocean: OCEAN },
        flags: [
          ...['--telemetry-traces-file', file, '--telemetry-traces-joins', '1'],
          ...['--telemetry-otlp-endpoint', collector.url, '--telemetry-otlp-metrics-seconds', '2'],
          ...['--gifts-webhook-url', backend.url, '--gifts-webhook-secret-file', secretFile],
        ],
      },
      log,
    );
    closing.push(() => cluster.close());
    await cluster.add('jp-2', 'jp');
    await cluster.nats.listening((region) => `gifts-claim.${region}`);
    const office = await openOffice(cluster.relays[0]!.process.stateDir);
    const shown = new Map<string, number>();
    const enter = async (relay: string, sub: string): Promise<Room> => {
      const { process } = cluster.relays.find(({ id }) => id === relay)!;
      const { url, hash } = await process.tokens(ROOM);
      const target = { url, certificateHashes: [hash], token: () => office.token(ROOM, sub) };
      const room = connectRoom(target, { connector: engineConnector(engine), gifts: { after: 0 } });
      rooms.push(room);
      room.on('gift', ({ jti }) => shown.set(`${jti} at ${relay}`, performance.timeOrigin + performance.now()));
      await room.ready;
      return room;
    };
    const [jp, us] = [await enter('jp-1', 'ann'), await enter('us-1', 'bo')];
    const give = async (room: Room, jti: string, sender: string, reg: 'jp' | 'us') => {
      const gift = { jti, room: ROOM, sender, liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg };
      const ticket = await office.ticket(gift);
      return await room.gift(ticket);
    };
    const booked = (jti: string) => {
      const spans = traceOf(spansIn(file), jti);
      return spans.some(({ name }) => name === 'app.book_gift') && spans.filter(isShow).length >= 2;
    };
    const traced = async (jti: string): Promise<Judged> => {
      await until(() => booked(jti), `the delivery of ${jti}`);
      // The relay's own span of the delivery ends after the backend's.
      await until(() => traceOf(spansIn(file), jti).some(isDelivered), `the end of the delivery of ${jti}`);
      return judge(traceOf(spansIn(file), jti));
    };

    log('a gift in its region, one for the other region');
    await give(jp, 'near', 'ann', 'jp');
    await give(us, 'far', 'bo', 'jp');
    const [near, far] = [await traced('near'), await traced('far')];
    const viewers: Record<string, boolean> = {};
    for (const relay of ['jp-1', 'us-1']) {
      const show = near.spans.find((span) => isShow(span) && span.by['service.instance.id'] === relay);
      const heardMs = shown.get(`near at ${relay}`);
      viewers[relay] = show !== undefined && heardMs !== undefined && heardMs + 2 >= Number(show.start) / 1e6;
    }
    const ours = near.spans.filter(({ name }) => name !== 'app.book_gift').map(({ spanId }) => spanId);
    const has = () => ours.every((id) => collector.spans.some(({ spanId }) => spanId === id));
    const collected = await until(has, 'the collector').then(
      () => true,
      () => false,
    );
    await until(() => collector.metrics.size === 3, 'metrics of each relay');
    const metrics = Object.fromEntries([...collector.metrics].map(([relay, names]) => [relay, names.size]));

    log('control: the header is taken off on the way');
    backend.mode = 'strips';
    await give(jp, 'stripped', 'ann', 'jp');
    const stripped = await traced('stripped');
    const untraced = judge(near.spans.filter(({ by }) => by['service.instance.id'] !== 'jp-1')).faults;

    log('gifts whose relay is killed after the answer and before the delivery');
    backend.mode = 'fails';
    const keys = Array.from({ length: BEFORE_DEATH }, (_, n) => `killed-${n}`);
    const answers = await Promise.all(keys.map((jti) => give(jp, jti, 'ann', 'jp')));
    await cluster.relays.find(({ id }) => id === 'jp-1')!.process.kill();
    backend.mode = 'well';
    const done = (jti: string) => traceOf(spansIn(file), jti).some(isDelivered);
    await until(() => keys.every(done), 'the deliveries of another relay');
    const judged = keys.map((jti) => judge(traceOf(spansIn(file), jti)));
    const deliveries = judged.map(({ spans }) => spans.filter(isDelivered)[0]!);
    const killed = {
      acked: answers.length,
      delivered: deliveries.length,
      inTheirTrace: judged.filter(({ spans }) => new Set(spans.map(({ traceId }) => traceId)).size === 1).length,
      whole: judged.filter(({ faults }) => faults.length === 0).length,
      by: [...new Set(deliveries.map(({ by }) => String(by['service.instance.id'])))],
      faults: [...new Set(judged.flatMap(({ faults }) => faults))],
    };
    return {
      ...{ near, far, viewers, collected, metrics, stripped, untraced, killed },
      picture: drawTrace(far.spans, noteOf),
    };
  } finally {
    for (const room of rooms) room.close();
    for (const close of closing.reverse()) await close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const isShow = ({ name }: SeenSpan) => name === 'gift.show';
const isDelivered = ({ attributes }: SeenSpan) => attributes['hayate.outcome'] === 'delivered';

/** All spans of each trace in which anybody names this gift: one that fell apart is several. */
function traceOf(spans: readonly SeenSpan[], jti: string): SeenSpan[] {
  const ids = new Set(spans.filter(({ attributes }) => attributes['hayate.key'] === jti).map(({ traceId }) => traceId));
  return spans.filter(({ traceId }) => ids.has(traceId));
}

function judge(spans: SeenSpan[]): Judged {
  const by = spans.map(({ name, by }) => `${name} by ${by['service.instance.id']}`);
  return { spans, faults: traceFaults(spans), by: [...new Set(by)].sort() };
}

/** What is worth a word in the picture. */
function noteOf({ name, attributes }: SeenSpan): string {
  const { 'hayate.result': result, 'hayate.from': from, 'hayate.viewers': viewers } = attributes;
  if (name === 'gift.show') return `viewers: ${viewers}, heard of from the ${from}`;
  if (name === 'gift.submit') return `${result}, from a ${from}`;
  if (name === 'gift.deliver')
    return `attempt ${attributes['hayate.attempt']}: ${attributes['http.response.status_code']}`;
  return '';
}

async function until(done: () => boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + WAIT_MS; !done(); ) {
    if (performance.now() > endMs) throw new Error(`${what} did not come within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
