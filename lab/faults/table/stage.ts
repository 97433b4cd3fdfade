import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, openEngine } from '@hayate/engine';
import { mintToken, readSharedKey } from '@hayate/relay';
import { type Office, openOffice, openWebhookReceiver, type WebhookReceiver } from '../../lib/app-backend.ts';
import { RawSession, type RelayAddress } from '../../lib/raw-session.ts';
import { type RelayProcess, startRelayProcess } from '../../lib/relay-process.ts';
import type { Sleepers } from '../../lib/sleepers.ts';
import { UdpLine } from '../../lib/udp-line.ts';
import { auditGifts } from '../gift-audit.ts';
import { auditDelivered } from '../givers.ts';
import { ledgerRecords } from '../ledger-records.ts';
import { Attackers } from './attackers.ts';
import { broken, type Fault, type Found, type Measured, measuredText, promised, type Setup } from './fault.ts';
import { Load, type Period, ROOM } from './load.ts';

/** Nothing to spend on waiting: each frame is a datagram that leaves at once, so what grows is lag of the relay's own. */
const FLAGS = ['--rooms-budget-ms', '20'];
/** Of tokens and tickets: longer than any clock of a fault jumps. */
const TTL_SECONDS = 4 * 3600;
const WARM_MS = 1000;
const WINDOW_MS = 2000;
/** Viewers that had a frame so recently are there. */
const FLOWING_MS = 250;
const BACK_MS = 6000;
/** Answers, deliveries and what viewers are shown of gifts. */
const SETTLE_MS = 20_000;

export interface FaultResult extends Measured {
  name: string;
  does: string;
  promised: string;
  measured: string;
  passed: boolean;
  /** What broke the promise. */
  broken: string[];
  /** Of a control: whether it was found to break its promise, as it must be. */
  control?: boolean;
  /** By how much cores of the machine itself stood still from before the fault until after it, ms. */
  machine_late_ms: number;
  seconds: number;
}

/** A relay process under load, and all that a fault may do to it. */
export class Stage {
  readonly engine: Engine;
  readonly folder: string;
  readonly webhook: WebhookReceiver;
  readonly office: Office;
  readonly load: Load;
  readonly line: UdpLine | undefined;
  readonly attackers: Attackers;
  /** Undefined while there is none. */
  relay: RelayProcess | undefined;
  readonly #setup: Setup;
  readonly #url: string;
  readonly #stateDir: string;
  /** Its file may go while the relay runs. */
  readonly #key: Uint8Array;

  private constructor(parts: {
    engine: Engine;
    folder: string;
    webhook: WebhookReceiver;
    office: Office;
    relay: RelayProcess;
    line: UdpLine | undefined;
    setup: Setup;
    stateDir: string;
  }) {
    const { engine, office } = parts;
    this.engine = engine;
    this.folder = parts.folder;
    this.webhook = parts.webhook;
    this.office = office;
    this.relay = parts.relay;
    this.line = parts.line;
    this.#setup = parts.setup;
    this.#stateDir = parts.stateDir;
    this.#url = parts.relay.url;
    this.#key = readSharedKey(join(parts.stateDir, 'token.key'));
    this.load = new Load(engine, office);
    this.attackers = new Attackers();
  }

  static async start(fault: Fault): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'hayate-fault-'));
    const setup = (await fault.setup?.(folder)) ?? {};
    const stateDir = setup.stateDir ?? folder;
    const webhook = await openWebhookReceiver(folder);
    const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 2000 });
    let relay: RelayProcess | undefined;
    try {
      relay = await startRelayProcess(setup.relayStateDir ?? folder, flagsOf(setup, webhook), setup.around);
      const port = Number(new URL(relay.url).port);
      const line = setup.line ? await UdpLine.to(port, {}) : undefined;
      const office = await openOffice(stateDir, { ttlSeconds: TTL_SECONDS });
      return new Stage({ engine, folder, webhook, office, relay, line, setup, stateDir });
    } catch (error) {
      await relay?.kill();
      await engine.close();
      await webhook.close();
      await setup.clean?.();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The relay that must be there now. */
  get running(): RelayProcess {
    if (!this.relay) throw new Error('no relay runs');
    return this.relay;
  }

  get pid(): number {
    return this.running.pid;
  }

  /** What clients of the load dial. */
  get target(): { url: string; certificateHashes: string[] } {
    const url = new URL(this.#url);
    if (this.line) url.port = String(this.line.port);
    return { url: url.href, certificateHashes: this.running.hashes };
  }

  /** @param sub of the token */
  async address(sub: string, roles: ('liver' | 'viewer')[] = ['viewer'], room = ROOM): Promise<RelayAddress> {
    const token = await mintToken(this.#key, { room, sub, roles, ttlSeconds: TTL_SECONDS });
    return { url: this.#url, hash: this.running.hashes[0] ?? '', token };
  }

  async startLoad(): Promise<void> {
    await this.load.start(this.target, async () => (await this.address('liver', ['liver'])).token);
  }

  /** A relay with the same files at the same address, once the last one has ended. */
  async restart(stateDir?: string): Promise<void> {
    const flags = [...flagsOf(this.#setup, this.webhook), '--listen-port', new URL(this.#url).port];
    this.relay = await startRelayProcess(
      stateDir ?? this.#setup.relayStateDir ?? this.folder,
      flags,
      this.#setup.around,
    );
  }

  /** Once the relay is dead its ledger goes, and the next one begins another. */
  async loseLedger(killAndBack: () => Promise<void>): Promise<void> {
    await this.running.kill();
    for (const suffix of ['', '-wal', '-shm', '-witness'])
      rmSync(join(this.#stateDir, `ledger.db${suffix}`), { force: true });
    await killAndBack();
  }

  /** How long a new viewer takes from dialling to its welcome, ms. Rejects when it is not let in. */
  async joinMs(to?: RelayAddress): Promise<number> {
    const since = performance.now();
    const raw = await RawSession.open(this.engine, to ?? (await this.address('newcomer')), 0, () => {});
    const ms = performance.now() - since;
    raw.session.close();
    await raw.session.closed.catch(() => {});
    return Math.round(ms);
  }

  /** Whether a newcomer is let in, and within `limitMs`. */
  async joinFound(limitMs: number, to?: RelayAddress): Promise<Found> {
    try {
      const ms = await this.joinMs(to);
      return { ok: ms <= limitMs, measured: `a newcomer is in after ${ms} ms` };
    } catch (error) {
      return { ok: false, measured: `a newcomer is not let in: ${(error as Error).message}` };
    }
  }

  /** @param under measured: before the fault, while it lasts, after it */
  async run(fault: Fault, sleepers: Sleepers): Promise<FaultResult> {
    const since = performance.now();
    await this.startLoad();
    await this.#flows(Number.POSITIVE_INFINITY, BACK_MS);
    await sleep(WARM_MS);
    sleepers.take();
    const before = this.load.period();
    await sleep(WINDOW_MS);
    const during = this.load.period();
    this.load.beginPauses();
    const endedBefore = this.load.ended;
    const found = await fault.inflict(this);
    await this.#flows(FLOWING_MS, BACK_MS);
    await sleep(300);
    const after = this.load.period();
    await sleep(WINDOW_MS);
    this.load.period();
    const machine_late_ms = Math.round(10 * sleepers.take()) / 10;
    const still = this.load.stillMs();
    const kept = this.load.flowing(FLOWING_MS);
    const ended = this.load.ended - endedBefore;
    const measured = {
      load_held: this.load.held,
      viewers_kept: kept,
      sessions_ended: ended,
      still_ms: still,
      lag_p99_ms: lags(before, during, after),
      gifts: await this.#audit(fault),
      comments: { sent: this.load.comments.sent, taken: this.load.comments.taken },
    };
    const why = broken(fault, measured, found);
    return {
      name: fault.name,
      does: fault.does,
      promised: promised(fault),
      measured: measuredText(measured, found),
      passed: why.length === 0,
      broken: why,
      ...(fault.control && { control: true }),
      ...measured,
      machine_late_ms,
      seconds: Math.round((performance.now() - since) / 100) / 10,
    };
  }

  /** Waits until all viewers had a frame within so many ms, at most `limitMs`. */
  async #flows(withinMs: number, limitMs: number): Promise<void> {
    const all = () => this.load.flowing(withinMs) >= this.load.shown().length;
    for (const until = performance.now() + limitMs; !all() && performance.now() < until; ) await sleep(20);
  }

  /** What became of every gift that was acked: the ledger, the viewers and the backend must agree. */
  async #audit(fault: Fault): Promise<Measured['gifts']> {
    const { load, webhook } = this;
    load.quiet();
    const settled = () => {
      const keys = new Set(webhook.delivered.map(({ data }) => data.key));
      const shown = load.shown().every(({ gifts }) => gifts.length >= load.acked.length);
      return load.givingNow === 0 && shown && load.acked.every(({ ticket }) => keys.has(ticket.jti));
    };
    for (const until = performance.now() + SETTLE_MS; !settled() && performance.now() < until; ) await sleep(50);
    const { given } = load.gifts;
    const acked = load.acked.length;
    const refused = Object.values(load.refused).reduce((sum, count) => sum + count, 0) - (load.refused['timeout'] ?? 0);
    const answered = { given, acked, refused, unanswered: given - acked - refused };
    const { delivered } = webhook;
    if (fault.ledgerElsewhere) {
      const jtis = new Set(load.acked.map(({ ticket }) => ticket.jti));
      const { lost: undelivered, doubled } = await auditDelivered(jtis, webhook, 0);
      return { ...answered, lost: 0, doubled, reordered: 0, undelivered };
    }
    const shown = load.shown();
    await this.load.close();
    await this.relay?.stop();
    this.relay = undefined;
    const records = await ledgerRecords(this.#ledgerFile());
    const { webhook_missing: undelivered, ...audit } = auditGifts({ records, acked: load.acked, shown, delivered });
    return { ...answered, ...audit, undelivered };
  }

  /** Of a relay that has ended. SQLite follows links to what they name, and so not into another mount namespace. */
  #ledgerFile(): string {
    if (this.#stateDir === this.folder) return join(this.folder, 'ledger.db');
    const copy = mkdtempSync(join(this.folder, 'ledger-'));
    for (const file of readdirSync(this.#stateDir).filter((name) => name.startsWith('ledger.db'))) {
      copyFileSync(join(this.#stateDir, file), join(copy, file));
    }
    return join(copy, 'ledger.db');
  }

  async close(): Promise<void> {
    await this.attackers.close();
    await this.load.close();
    await this.relay?.stop();
    this.line?.close();
    await this.engine.close();
    await this.webhook.close();
    await this.#setup.clean?.();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function flagsOf({ flags = [], webhookUrl }: Setup, webhook: WebhookReceiver): string[] {
  const url = webhookUrl?.(Number(new URL(webhook.settings.url).port));
  return [...FLAGS, ...webhook.flags, ...(url === undefined ? [] : ['--gifts-webhook-url', url]), ...flags];
}

function lags(before: Period, during: Period, after: Period): Measured['lag_p99_ms'] {
  const meanwhile = during.p99();
  return { before: before.p99(), during: Number.isNaN(meanwhile) ? null : meanwhile, after: after.p99() };
}
