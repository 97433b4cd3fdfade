import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HayateError } from '@hayate/codec/errors';
import type { GiftTicket, LedgerRecord, PlacedRecord, Receipt } from '@hayate/relay/ledger';
import { openNatsLedger } from '@hayate/relay/ledger/nats';
import { ensureTicketKey, mintTicket, readTicketSigner } from '../../relay/gifts/mint.ts';
import { openWebhookReceiver } from '../lib/app-backend.ts';
import { connectNats, type NatsRig, startNats } from '../lib/nats.ts';
import { type Acked, audit } from './audit.ts';
import { ClusterRelay } from './cluster-relay.ts';
import { Screen } from './cluster-screen.ts';
import { undelivered } from './gift-audit.ts';
import { Random } from './random.ts';

const REGIONS = ['jp', 'us'];
const RELAYS = ['a', 'b'];
/** NATS's own window of duplicates, which plays no part. */
const DUPLICATE_WINDOW_MS = 120_000;
const SETTLE_MS = 60_000;
/** Three servers of a region find their leaders. */
const READY_MS = 90_000;

export interface ClusterGiftOptions {
  /** Of each fault. */
  times: number;
  perSecond: number;
  rooms: number;
  seed: number;
  /** How long all NATS servers of a region stay down. */
  regionDownMs: number;
  servers: 1 | 3;
  /** Resends wait until the oldest acks are older than twice the window of duplicates. */
  patient: boolean;
}

interface Given {
  gift: GiftTicket;
  text: string;
  ackedMs: number;
  /** First try to answer. */
  ackMs: number;
  /** No fault within seconds. */
  calm: boolean;
}

type Fault = 'none' | 'server' | 'region' | 'disk' | 'origin';

/** Two regions, two relays each, three NATS servers each: what was acked, shown, placed and delivered while they fail. */
export async function clusterGifts(options: ClusterGiftOptions, log: (text: string) => void) {
  const { times, perSecond, seed, regionDownMs, servers } = options;
  const folder = mkdtempSync(join(tmpdir(), 'hayate-cluster-gifts-'));
  const random = new Random(seed);
  const webhook = await openWebhookReceiver(folder);
  const [, url = '', , secretFile = ''] = webhook.flags;
  const ticketKeyFile = join(folder, 'ticket.key');
  ensureTicketKey(ticketKeyFile);
  const signer = await readTicketSigner(ticketKeyFile);
  log('starting');
  const rig = await startNats({ regions: REGIONS, servers });
  log('NATS is up');
  const relays: ClusterRelay[] = [];
  const screens: Screen[] = [];
  const since = performance.now();
  try {
    for (const region of REGIONS) {
      for (const name of RELAYS) {
        const id = `${region}-${name}`;
        relays.push(
          new ClusterRelay({
            ...{ id, region, regions: REGIONS, copies: servers, nats: rig.region(region), folder, ticketKeyFile },
            webhook: { url, secretFile },
            second: () => relays.find((each) => each.region === region && each.id !== id && each.desk),
          }),
        );
      }
    }
    for (const relay of relays) await relay.start();
    log('relays are up');
    const of = (region: string) => relays.filter((each) => each.region === region && each.desk);
    const rooms = Array.from({ length: options.rooms }, (_, n) => ({ name: `room-${n}`, home: REGIONS[n % 2]! }));
    for (const { name } of rooms) {
      for (const region of REGIONS) {
        const relay = random.pick(of(region));
        screens.push(new Screen(name, () => relay.desk));
      }
    }
    const origins = openOrigins(rooms, of, random);

    // Givers: a ticket is sent until it has an answer, to whichever relay.
    const acked: Acked[] = [];
    const given: Given[] = [];
    const refused: Record<string, number> = {};
    let [sent, otherAnswers, raced, retried] = [0, 0, 0, 0];
    let calmFromMs = Number.POSITIVE_INFINITY;
    const submit = async (gift: GiftTicket, text: string, region: string): Promise<Receipt | undefined> => {
      for (;;) {
        const desk = random.pick(of(region))?.desk;
        if (!desk) return undefined;
        try {
          return await desk.claim(await desk.check(text, { room: gift.room, sub: gift.sender }));
        } catch (error) {
          const { code, retryable } = error as HayateError;
          if (!retryable) {
            refused[code] = (refused[code] ?? 0) + 1;
            return undefined;
          }
          retried += 1;
          await sleep(100 + random.below(400));
        }
      }
    };
    const differ = (a: Receipt, b: Receipt) =>
      (a.id !== null && b.id !== null && a.id !== b.id) || (a.id !== null && b.id !== null && a.atMs !== b.atMs);
    const give = async () => {
      const region = random.pick(REGIONS);
      const gift: GiftTicket = {
        jti: `gift-${sent++}-${random.below(1e9)}`,
        room: random.pick(rooms).name,
        sender: `viewer-${random.below(500)}`,
        liver: 'mio',
        item: random.pick(['star', 'rose', 'rocket']),
        amount: 10 * (1 + random.below(1000)),
        currency: 'JPY',
        reg: region,
      };
      const text = await mintTicket(signer, { ...gift, sub: gift.sender, ttlSeconds: 36_000 });
      const startMs = performance.now();
      // Now and then the same ticket in both regions at once: one takes it there.
      const both = random.chance(0.1);
      if (both) raced += 1;
      const ways = both ? REGIONS : [region];
      const receipts = await Promise.all(ways.map((way) => submit(gift, text, way)));
      const ackedMs = performance.now();
      for (const receipt of receipts) if (receipt) acked.push({ ticket: gift, receipt });
      const [first, second] = receipts;
      if (first && second && differ(first, second)) otherAnswers += 1;
      const calm = startMs > calmFromMs && ackedMs < calmFromMs + 1e9 && !both;
      given.push({ gift, text, ackedMs, ackMs: ackedMs - startMs, calm });
    };
    const giving = new Set<Promise<void>>();
    const began = performance.now();
    let due = 0;
    const timer = setInterval(() => {
      for (; due < ((performance.now() - began) / 1000) * perSecond; due++) {
        const one = give().finally(() => giving.delete(one));
        giving.add(one);
      }
    }, 2);

    const did: Record<Fault, number> = { none: 0, server: 0, region: 0, disk: 0, origin: 0 };
    try {
      await sleep(2000);
      calmFromMs = performance.now();
      await sleep(8000);
      calmFromMs = Number.POSITIVE_INFINITY;
      did.none = 1;
      for (let turn = 1; turn <= times; turn++) {
        await killServer(rig, random);
        did.server += 1;
        origins.take();
        did.origin += 1;
        await sleep(2000);
        const down = random.pick(rig.regions);
        await down.kill();
        await sleep(regionDownMs / 2);
        // With what was acked meanwhile: the other relay's disk has it.
        const victim = random.pick(of(down.region));
        await victim.stop({ withDisk: true });
        for (const screen of screens) screen.lost();
        await victim.start();
        did.disk += 1;
        await sleep(regionDownMs / 2);
        await Promise.all(down.servers.map((server) => server.start()));
        await down.ready(READY_MS);
        did.region += 1;
        origins.take();
        await sleep(3000);
        log(`${turn} of ${times}: ${sent} given, ${given.length} acked, ${retried} tried again`);
      }
    } finally {
      clearInterval(timer);
    }

    log('the last answers, places and deliveries');
    const whole = () =>
      giving.size === 0 &&
      screens.every(({ room, places }) => places.length >= given.filter(({ gift }) => gift.room === room).length) &&
      new Set(webhook.delivered.map(({ data }) => data.key)).size >= given.length;
    for (const until = performance.now() + SETTLE_MS; !whole() && performance.now() < until; ) await sleep(200);
    const unanswered = giving.size;
    if (options.patient) {
      const oldest = Math.min(...given.map(({ ackedMs }) => ackedMs));
      await sleep(Math.max(0, 2 * DUPLICATE_WINDOW_MS - (performance.now() - oldest)));
    }
    let [resent, resentOthers, resentAway, youngestMs] = [0, 0, 0, Number.POSITIVE_INFINITY];
    for (const { gift, text, ackedMs } of given.filter((_, n) => n % 10 === 0)) {
      const age = performance.now() - ackedMs;
      if (options.patient && age < 2 * DUPLICATE_WINDOW_MS) continue;
      const again = await submit(gift, text, random.pick(REGIONS));
      const before = acked.find(({ ticket, receipt }) => ticket.jti === gift.jti && receipt.id !== null);
      resent += 1;
      youngestMs = Math.min(youngestMs, age);
      // NATS took over 2 s, and two disks answered for it.
      if (again?.id === null) resentAway += 1;
      else if (!again?.repeat || (before && differ(before.receipt, again))) resentOthers += 1;
    }
    // What comes twice shall have the time to come.
    await sleep(1500);
    for (const screen of screens) screen.close();
    for (const relay of relays) await relay.stop();

    const found = await look(rig, rooms, servers);
    const placed = found.records.map((record) => ({ ...record, sequence: found.places.get(record.key) ?? null }));
    const ledger = audit(placed, acked);
    const unplaced = placed.filter(({ sequence }) => sequence === null).length;
    const byRegion = REGIONS.map((reg) =>
      undelivered(
        found.records.filter((each) => each.reg === reg),
        webhook.delivered.filter(({ data }) => data.reg === reg),
      ),
    );
    const ids = Map.groupBy(webhook.delivered, ({ data }) => data.key);
    const screenFaults = screens.map((screen) => ({
      doubled: screen.doubled,
      reordered: screen.reordered + screen.places.filter((jti, n) => found.places.get(jti) !== n + 1).length,
      lost: given.filter(({ gift }) => gift.room === screen.room && !screen.placedMs.has(gift.jti)).length,
    }));
    const sum = (name: 'doubled' | 'reordered' | 'lost') => screenFaults.reduce((all, each) => all + each[name], 0);
    const counts = {
      lost: ledger.lost,
      doubled: ledger.doubled + found.doubled + sum('doubled'),
      gaps: ledger.gaps + unplaced,
      not_shown: sum('lost'),
      reordered: sum('reordered'),
      webhook_missing: byRegion.reduce((all, each) => all + each, 0),
      webhook_doubled: [...ids.values()].filter((each) => new Set(each.map(({ id }) => id)).size > 1).length,
      other_answers: otherAnswers + resentOthers,
      unanswered,
    };
    return {
      passed: Object.values(counts).every((count) => count === 0) && Object.keys(refused).length === 0 && resent > 0,
      ...options,
      faults: did,
      sent,
      acked: given.length,
      ...counts,
      refused,
      tried_again: retried,
      acked_while_away: acked.filter(({ receipt }) => receipt.id === null).length,
      raced_in_both_regions: raced,
      resent,
      resent_and_nats_away: resentAway,
      resent_after_s: resent > 0 ? Math.round(youngestMs / 1000) : null,
      webhook_requests: webhook.delivered.length,
      calm_ms: figures(
        given.filter(({ calm }) => calm),
        screens,
        rooms,
      ),
      longest_ack_ms: Math.round(Math.max(...given.map(({ ackMs }) => ackMs))),
      seconds: Math.round((performance.now() - since) / 1000),
    };
  } finally {
    for (const screen of screens) screen.close();
    for (const relay of relays) await relay.stop().catch(() => {});
    await rig.stop();
    await webhook.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function killServer(rig: NatsRig, random: Random): Promise<void> {
  const region = random.pick(rig.regions);
  const server = random.pick(region.servers);
  await server.kill();
  await sleep(5000);
  await server.start();
  await region.ready(READY_MS);
  await sleep(2000);
}

/** Each room's origin is a relay of its home; another takes over now and then, while the one before does not know it yet. */
function openOrigins(rooms: { name: string; home: string }[], of: (region: string) => ClusterRelay[], random: Random) {
  let epoch = 0;
  let now: { name: string; relay: ClusterRelay }[] = [];
  const take = () => {
    epoch += 1;
    const before = now;
    now = rooms.map(({ name, home }) => ({ name, relay: random.pick(of(home)) }));
    for (const { name, relay } of now) relay.gifts?.cluster?.origin(name, epoch);
    setTimeout(() => {
      for (const [n, { name, relay }] of before.entries()) {
        if (relay !== now[n]!.relay) relay.gifts?.cluster?.origin(name, undefined);
      }
    }, 1000);
  };
  take();
  return { take };
}

/** Everything that the regions hold, each from its own streams. */
async function look(rig: NatsRig, rooms: { name: string; home: string }[], copies: number) {
  const records: LedgerRecord[] = [];
  const places = new Map<string, number>();
  let doubled = 0;
  for (const region of REGIONS) {
    const nats = await connectNats(rig.region(region));
    const ledger = await openNatsLedger({ nats, region, regions: REGIONS, copies });
    for (let after = 0; ; ) {
      const page = await ledger.since(after, 500);
      records.push(...page);
      const last = page.at(-1);
      if (!last) break;
      after = last.id;
    }
    for (const { name } of rooms.filter(({ home }) => home === region)) {
      for (let after = 0; ; ) {
        const page: PlacedRecord[] = await ledger.resume(name, after, 500);
        for (const { key, sequence } of page) {
          if (places.has(key)) doubled += 1;
          places.set(key, sequence);
        }
        const last = page.at(-1);
        if (!last) break;
        after = last.sequence;
      }
    }
    await ledger.close();
    await nats.close();
  }
  return { records, places, doubled };
}

function figures(given: Given[], screens: Screen[], rooms: { name: string; home: string }[]) {
  const homes = new Map(rooms.map(({ name, home }) => [name, home]));
  const of = Map.groupBy(screens, ({ room }) => room);
  const lists = {
    ack: [] as number[],
    shown: [] as number[],
    placed_same: [] as number[],
    placed_other: [] as number[],
  };
  for (const { gift, ackedMs, ackMs } of given) {
    lists.ack.push(ackMs);
    for (const screen of of.get(gift.room) ?? []) {
      const [shown, placed] = [screen.shownMs.get(gift.jti), screen.placedMs.get(gift.jti)];
      const start = ackedMs - ackMs;
      if (shown !== undefined) lists.shown.push(shown - start);
      const list = homes.get(gift.room) === gift.reg ? lists.placed_same : lists.placed_other;
      if (placed !== undefined) list.push(placed - start);
    }
  }
  const at = (list: number[], q: number) =>
    Number((list.toSorted((a, b) => a - b)[Math.floor(list.length * q)] ?? Number.NaN).toFixed(1));
  return Object.fromEntries(
    Object.entries(lists).map(([name, list]) => [
      name,
      { count: list.length, p50: at(list, 0.5), p99: at(list, 0.99) },
    ]),
  );
}
