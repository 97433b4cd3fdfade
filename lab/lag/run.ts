import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnChild } from '../bench/stream-child.ts';
import type { RoomPlan, Sent, Traffic } from '../bench/stream-plan.ts';
import type { Summary } from '../bench/stream-present.ts';
import { askChild, pin, prefer, share } from '../lib/children.ts';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';

/** What `GET /v1/rooms/ROOM` says of how its media goes out. */
export interface RoomDetails {
  repairBytesPerSecond: number;
  classes: { voice: number; repair: string; layer: string; viewers: number }[];
  uplinks: { loss: number; ask?: { holdMs: number; repair: string; spacingMs: number } }[];
}

export interface PlayHooks {
  /** The livers begin one after the other within so many seconds, before the warm-up. */
  staggerSeconds?: number;
  /** At the beginning, in the middle and at the end of what counts. */
  begin?(): Promise<void>;
  midway?(): Promise<void>;
  end?(): Promise<void>;
}

/** A relay, livers and viewers on emulated links, each in a process of its own. */
export class LagRig {
  readonly relay: RelayProcess;
  readonly loader: ChildProcess = spawnChild('stream-loader.ts');
  readonly livers: ChildProcess = spawnChild('stream-livers.ts');
  readonly #stateDir: string;

  private constructor(relay: RelayProcess, stateDir: string) {
    this.relay = relay;
    this.#stateDir = stateDir;
    pin(relay.pid, 0);
    pin(this.loader.pid ?? 0, 1);
    // Its engine stays ahead of its JavaScript. Livers may take its core for a moment, and must not take more than half of it.
    share(relay.pid, -20);
    prefer(this.livers.pid ?? 0, -20);
    prefer(this.loader.pid ?? 0);
  }

  static async start(flags: string[] = []): Promise<LagRig> {
    const stateDir = mkdtempSync(join(tmpdir(), 'hayate-lag-'));
    return new LagRig(await startRelayProcess(stateDir, flags), stateDir);
  }

  /** Viewers first, then livers: who joins later waits for nobody. */
  async open(plans: RoomPlan[]): Promise<{ motion: string }> {
    await askChild(this.loader, 'open', { plans });
    return askChild(this.livers, 'open', { plans });
  }

  /** Media for `warmSeconds` and then for `seconds` that count. */
  async play(plans: RoomPlan[], warmSeconds: number, seconds: number, hooks: PlayHooks = {}) {
    const { staggerSeconds = 0 } = hooks;
    const groups = [...new Set(plans.map(({ group }) => group))];
    const playing = askChild<{ late_us_max: number }>(this.livers, 'play', {
      groups,
      seconds: staggerSeconds + warmSeconds + seconds + 0.5,
      dtx: false,
      stagger: staggerSeconds,
    });
    await sleep(1000 * staggerSeconds);
    // The last seconds of the warm-up fill the playout's windows.
    await sleep(1000 * Math.max(0, warmSeconds - 5));
    await askChild(this.loader, 'record', { groups });
    await sleep(1000 * Math.min(5, warmSeconds));
    await askChild(this.loader, 'mark', { groups });
    await hooks.begin?.();
    const fromUs = nowUs();
    await sleep(500 * seconds);
    await hooks.midway?.();
    await sleep(Math.max(0, 1000 * seconds - (nowUs() - fromUs) / 1000));
    const toUs = nowUs();
    await hooks.end?.();
    const traffic = await askChild<Record<string, Traffic>>(this.loader, 'traffic', { groups });
    const { late_us_max } = await playing;
    // What is on its way, a long queue included.
    await sleep(1000);
    await askChild(this.loader, 'stop');
    const sent = await askChild<Sent[]>(this.livers, 'sent', { groups });
    const name = 'play';
    const seen = await askChild<Record<string, Summary>>(this.loader, 'analyse', { groups, sent, fromUs, toUs, name });
    return { seen, traffic, seconds: (toUs - fromUs) / 1e6, lateMs: late_us_max / 1000 };
  }

  async details(room: string): Promise<RoomDetails> {
    const response = await fetch(new URL(`/v1/rooms/${encodeURIComponent(room)}`, this.relay.http));
    return (await response.json()) as RoomDetails;
  }

  async close(): Promise<void> {
    this.livers.kill();
    this.loader.kill();
    await this.relay.stop();
    rmSync(this.#stateDir, { recursive: true, force: true });
  }
}

const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export const round = (value: number, digits = 2) => Number(value.toFixed(digits));
