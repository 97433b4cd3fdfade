import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnChild } from '../bench/stream-child.ts';
import type { RoomPlan } from '../bench/stream-plan.ts';
import { type BrowserPage, startNullSound } from '../browsers/index.ts';
import { askChild, equal, prefer } from '../lib/children.ts';
import { hayate, type Running } from '../lib/processes.ts';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';
import { openDoor } from './door.ts';

const LINK = { delayMs: 20, jitterMs: 5 };

/**
 * A relay, one liver a room and the viewers beside each other: the Node client and browsers, each behind a link of its own
 * in a process of its own. What is elsewhere in life (relay, livers, links) runs ahead of the viewers; no viewer is ahead of
 * another but by what it does itself.
 */
export class ViewerScene {
  static readonly linkText = `${LINK.delayMs} +- ${LINK.jitterMs} each way, each hop`;
  readonly #relay: RelayProcess;
  readonly #livers: ChildProcess;
  readonly #links: Running[] = [];
  readonly #closing: (() => unknown)[] = [];

  private constructor(relay: RelayProcess, livers: ChildProcess) {
    this.#relay = relay;
    this.#livers = livers;
    for (const pid of [relay.pid, livers.pid ?? 0]) prefer(pid);
  }

  static async start(): Promise<ViewerScene> {
    const sound = await startNullSound();
    if (sound) Object.assign(process.env, sound.env);
    const stateDir = mkdtempSync(join(tmpdir(), 'hayate-viewers-'));
    const scene = new ViewerScene(await startRelayProcess(stateDir), spawnChild('stream-livers.ts'));
    scene.#closing.push(
      () => sound?.close(),
      () => rmSync(stateDir, { recursive: true, force: true }),
    );
    return scene;
  }

  /** A Node client in `room` (`node-viewer.ts`); the caller ends it. */
  async openNode(room: string, seed: number): Promise<ChildProcess> {
    const child = spawnChild('node-viewer.ts');
    const to = await this.#relay.tokens(room);
    const url = new URL(to.url);
    url.port = String(await this.#link(seed));
    await askChild(child, 'open', { to: { ...to, url: url.href } });
    return child;
  }

  /** The demo's page in `room`, connected; the caller closes it. `query` is added to its address. */
  async openPage(launch: () => Promise<BrowserPage>, room: string, seed: number, query = ''): Promise<BrowserPage> {
    const door = await openDoor(this.#relay.http, await this.#link(seed));
    this.#closing.unshift(() => door.close());
    const page = await launch();
    equal(page.pid);
    try {
      await page.goto(`${door.origin}/?room=${room}&role=viewer${query}`);
      await page.waitFor("window.hayate && hayate.state === 'open'", 30_000);
    } catch (error) {
      await page.close();
      throw error;
    }
    return page;
  }

  /** The room's liver plays for so long; resolves at the end of it. */
  async play(room: string, seconds: number): Promise<{ over: Promise<unknown> }> {
    const to = await this.#relay.tokens(room);
    const plan: RoomPlan = { room, group: room, body: 'hayate', to, viewers: 0, logged: 0, up: LINK, down: LINK };
    await askChild(this.#livers, 'open', { plans: [plan] });
    return { over: askChild(this.#livers, 'play', { groups: [room], seconds, dtx: false }) };
  }

  async close(): Promise<void> {
    this.#livers.kill();
    await Promise.all(this.#links.map((link) => link.stop()));
    await this.#relay.stop();
    for (const close of this.#closing) await close();
  }

  /** The port to dial. */
  async #link(seed: number): Promise<number> {
    const { hostname, port } = new URL(this.#relay.url);
    const way = (n: number) => `delay=${LINK.delayMs},jitter=${LINK.jitterMs},seed=${n}`;
    const to = ['--listen', '127.0.0.1:0', '--to', `${hostname}:${port}`];
    const link = hayate(['link', ...to, '--up', way(seed + 1), '--down', way(seed), '--json']);
    this.#links.push(link);
    const ready = JSON.parse((await link.line(/"event":"ready"/, 30_000)).input) as { port: number };
    prefer(link.pid);
    return ready.port;
  }
}
