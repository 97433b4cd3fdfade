import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRoom, type Room } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import type { GiftTicket } from '@hayate/relay/ledger';
import { engineConnector } from '@hayate/transport/engine';
import { openOffice, openWebhookReceiver } from '../lib/app-backend.ts';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';
import type { Acked } from './audit.ts';
import { auditGifts, type GiftAudit } from './gift-audit.ts';
import type { KillOptions } from './kill.ts';
import { ledgerRecords } from './ledger-records.ts';
import { Random } from './random.ts';

/** Of each room; all give and all watch. */
const CLIENTS = 2;
/** After ready, at random between. Clients notice a death within 600 ms and are back soon after it. */
const ALIVE_MS = { least: 300, most: 2500 };
/** How long the end waits for answers, for what clients are shown, and for the webhook. */
const SETTLE_MS = 30_000;
const RETRY = { retryMs: 100, maxRetryMs: 500, giveUpMs: 600_000 };

export interface RelayKillResult extends KillOptions, GiftAudit {
  passed: boolean;
  sent: number;
  acked: number;
  clients: number;
  /** Sessions that were lost and came back. */
  reconnects: number;
  /** Answered with the first answer: the killed relay had written them, and its answer never came. */
  written_before_and_answered_again: number;
  /** Acked ones that were given again with another answer than the first. */
  other_answers: number;
  refused: Record<string, number>;
  webhook_requests: number;
  webhook_forged: number;
  seconds: number;
}

interface Client {
  room: Room;
  name: string;
  sub: string;
  gifts: { number: number; jti: string }[];
}

/** A whole relay is killed at random instants while SDK clients give and watch gifts; they help themselves. */
export async function killRelay(options: KillOptions, log: (text: string) => void): Promise<RelayKillResult> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-gift-kills-'));
  const random = new Random(options.seed);
  const webhook = await openWebhookReceiver(stateDir);
  let relay: RelayProcess | undefined = await startRelayProcess(stateDir, webhook.flags);
  const listen = ['--listen-port', new URL(relay.url).port];
  const engine = openEngine();
  const clients: Client[] = [];
  const since = performance.now();
  try {
    const office = await openOffice(stateDir);
    const { url, hash } = await relay.tokens('any');
    let reconnects = 0;
    for (let n = 0; n < options.rooms * CLIENTS; n++) {
      const name = `room-${n % options.rooms}`;
      const sub = `viewer-${n}`;
      const target = { url, certificateHashes: [hash], token: () => office.token(name, sub) };
      const room = connectRoom(target, { connector: engineConnector(engine), gifts: { after: 0 }, ...RETRY });
      const client: Client = { room, name, sub, gifts: [] };
      room.on('gift', ({ number, jti }) => client.gifts.push({ number: number!, jti }));
      room.on('state', ({ state }) => {
        if (state === 'reconnecting') reconnects++;
      });
      clients.push(client);
    }
    await Promise.all(clients.map(({ room }) => room.ready));

    const acked: Acked[] = [];
    const refused: Record<string, number> = {};
    let [sent, repeats, otherAnswers] = [0, 0, 0];
    const give = async () => {
      const client = random.pick(clients);
      const gift: GiftTicket = {
        jti: `gift-${sent++}-${random.below(1e9)}`,
        room: client.name,
        sender: client.sub,
        liver: `liver of ${client.name}`,
        item: random.pick(['star', 'rose', 'rocket']),
        amount: 10 * (1 + random.below(1000)),
        currency: 'JPY',
        reg: 'local',
      };
      // As by a client that lost its answer.
      const again = random.chance(0.02);
      try {
        const ticket = await office.ticket(gift);
        const { number, gift: id, atMs, repeat } = await client.room.gift(ticket);
        acked.push({ ticket: gift, receipt: { id: id!, room: gift.room, sequence: number!, atMs, repeat } });
        if (repeat) repeats++;
        if (!again) return;
        const second = await client.room.gift(ticket);
        if (second.gift !== id || second.number !== number || !second.repeat) otherAnswers++;
      } catch (error) {
        const { code } = error as { code: string };
        refused[code] = (refused[code] ?? 0) + 1;
      }
    };
    const giving = new Set<Promise<void>>();
    const began = performance.now();
    let due = 0;
    const timer = setInterval(() => {
      for (; due < ((performance.now() - began) / 1000) * options.perSecond; due++) {
        const one = give().finally(() => giving.delete(one));
        giving.add(one);
      }
    }, 2);
    try {
      for (let kill = 1; kill <= options.kills; kill++) {
        await sleep(ALIVE_MS.least + random.below(ALIVE_MS.most - ALIVE_MS.least));
        await relay.kill();
        relay = undefined;
        relay = await startRelayProcess(stateDir, [...webhook.flags, ...listen]);
        if (kill % 5 === 0) log(`${kill} kills, ${sent} given, ${acked.length} acked, ${reconnects} reconnects`);
      }
      await sleep(1000);
    } finally {
      clearInterval(timer);
    }

    log('the last answers and deliveries');
    const whole = () => {
      const rooms = Map.groupBy(acked, ({ ticket }) => ticket.room);
      const keys = new Set(webhook.delivered.map(({ data }) => data.key));
      return (
        giving.size === 0 &&
        clients.every(({ name, gifts }) => gifts.length >= (rooms.get(name)?.length ?? 0)) &&
        keys.size >= acked.length
      );
    };
    for (const until = performance.now() + SETTLE_MS; !whole() && performance.now() < until; ) await sleep(100);
    // What comes twice shall have the time to come.
    await sleep(1000);
    const unanswered = giving.size;
    for (const { room } of clients) room.close();
    await relay.stop();
    relay = undefined;

    const records = await ledgerRecords(join(stateDir, 'ledger.db'));
    const shown = clients.map(({ name, gifts }) => ({ room: name, gifts }));
    const found = auditGifts({ records, acked, shown, delivered: webhook.delivered });
    const sound = unanswered === 0 && otherAnswers === 0 && webhook.forged() === 0 && acked.length === sent;
    return {
      passed: Object.values(found).every((count) => count === 0) && sound,
      ...options,
      sent,
      acked: acked.length,
      ...found,
      clients: clients.length,
      reconnects,
      written_before_and_answered_again: repeats,
      other_answers: otherAnswers,
      refused,
      webhook_requests: webhook.delivered.length,
      webhook_forged: webhook.forged(),
      seconds: Math.round((performance.now() - since) / 1000),
    };
  } finally {
    for (const { room } of clients) room.close();
    await relay?.kill();
    await engine.close();
    await webhook.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}
