import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, type LinkOptions, openEngine } from '@hayate/engine';
import { mintToken, readSharedKey } from '@hayate/relay';
import { engineConnector } from '@hayate/transport/engine';
import { type BrowserPage, launchChromium, launchFirefox, type PageServer, servePages } from '../browsers/index.ts';
import { bundle } from '../browsers/serve.ts';
import { auditDelivered } from '../faults/givers.ts';
import { Livers } from '../faults/media-livers.ts';
import { type Office, openOffice, openWebhookReceiver, type WebhookReceiver } from '../lib/app-backend.ts';
import { hayate } from '../lib/processes.ts';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';
import { UdpLine } from '../lib/udp-line.ts';
import { browserMember, type Member, type MemberFigures, nodeMember } from './member.ts';

const ROOM = 'rebinding';
const LIVER = 'mio';
/** Who has just joined gets every packet at once; a room is calm after that. */
const CALM_MS = 12_000;
const GIFTS_PER_SECOND = 10;
const SETTLE_MS = 3000;
const ANSWERED_MS = 20_000;

export type BrowserName = 'chromium' | 'firefox';

export interface RebindingOptions {
  /** Of each client's address while all watch. */
  times: number;
  everyMs: number;
  /** One way, and plus or minus so much. */
  delayMs: number;
  jitterMs: number;
  /** Viewers in Node. */
  viewers: number;
  browsers: readonly BrowserName[];
}

export interface RebindingResult extends RebindingOptions {
  /** By viewer: `still-*` keep their address, the control of what this machine does by itself. */
  members: Record<string, Omit<MemberFigures, 'acked'> & { acked: number; rebinds: number | null }>;
  gifts: { sent: number; acked: number; refused: number; lost: number; doubled: number };
}

/** Clients whose address changes while they watch and give. */
export async function rebinding(options: RebindingOptions, log: (text: string) => void): Promise<RebindingResult> {
  const { times, everyMs, delayMs, jitterMs } = options;
  const profile = (seed: number) => ({ delayMs, jitterMs, seed });
  const linkOf = (n: number, rebindEveryMs = 0): LinkOptions => ({
    ...{ tx: profile(1 + 2 * n), rx: profile(2 + 2 * n), rebindEveryMs },
  });
  return onStage(log, async (stage) => {
    await stage.live(linkOf(0, everyMs));
    const engine = openEngine();
    const links: { name: string; rebinds(): number; stop(): Promise<number> }[] = [];
    try {
      for (let n = 1; n <= options.viewers; n += 1) {
        const link = engineConnector(engine, { link: linkOf(n, everyMs) });
        stage.members.push(nodeMember(`node-${n}`, await stage.target(`node-${n}`), link));
      }
      const still = engineConnector(engine, { link: linkOf(options.viewers + 1) });
      stage.members.push(nodeMember('still-node', await stage.target('still-node'), still));
      for (const name of options.browsers) {
        const link = await openLink(stage.relay, { delayMs, jitterMs, everyMs });
        links.push({ name, ...link });
        await stage.enter(name, link.port);
      }
      log('media flows');
      await Promise.all(stage.members.map((member) => member.flows()));
      await sleep(CALM_MS);
      const before = new Map(links.map(({ name, rebinds }) => [name, rebinds()]));
      const engineBefore = await rebindsOf(engine);
      const givers = new Givers(stage);
      await Promise.all(stage.members.map((member) => member.begin()));
      log(`addresses change, ${times} times each`);
      givers.begin();
      await sleep(times * everyMs);
      givers.end();
      const figures = await stage.figures();
      const perNode = ((await rebindsOf(engine)) - engineBefore) / options.viewers;
      await sleep(SETTLE_MS);
      const members: RebindingResult['members'] = {};
      for (const { name, ...each } of figures) {
        const link = links.find((one) => one.name === name);
        const rebinds = link ? link.rebinds() - before.get(name)! : name.startsWith('still') ? 0 : Math.floor(perNode);
        members[name] = { ...each, acked: each.acked.length, rebinds };
      }
      return { ...options, members, gifts: await givers.audit() };
    } finally {
      await stage.close();
      for (const { stop } of links) await stop();
      await engine.close();
    }
  });
}

export interface RefusedOptions {
  times: number;
  viewers: number;
  browsers: readonly BrowserName[];
}

export interface RefusedResult extends RefusedOptions {
  /** By viewer, each time: how long it was without media. */
  frozen_ms: Record<string, number[]>;
  sessions: Record<string, number>;
  gifts: RebindingResult['gifts'];
}

/** Clients behind a firewall that forgets all connections and lets through new ones alone. */
export async function refusedPaths(options: RefusedOptions, log: (text: string) => void): Promise<RefusedResult> {
  return onStage(log, async (stage) => {
    await stage.live({});
    const engine = openEngine();
    const firewall = await UdpLine.to(Number(new URL(stage.relay.url).port), {});
    try {
      for (let n = 1; n <= options.viewers; n += 1) {
        const target = await stage.target(`node-${n}`, firewall.port);
        stage.members.push(nodeMember(`node-${n}`, target, engineConnector(engine)));
      }
      for (const name of options.browsers) await stage.enter(name, firewall.port);
      await Promise.all(stage.members.map((member) => member.flows()));
      const givers = new Givers(stage);
      givers.begin();
      const frozen = Object.fromEntries(stage.members.map(({ name }): [string, number[]] => [name, []]));
      for (let n = 0; n < options.times; n += 1) {
        await sleep(SETTLE_MS);
        await Promise.all(stage.members.map((member) => member.begin()));
        log(`the firewall forgets, ${n + 1} of ${options.times}`);
        firewall.forget();
        await sleep(SETTLE_MS);
        for (const { name, frozenMs } of await stage.figures()) frozen[name]!.push(frozenMs);
      }
      givers.end();
      await sleep(SETTLE_MS);
      const sessions = Object.fromEntries((await stage.figures()).map((each) => [each.name, each.sessions]));
      return { ...options, frozen_ms: frozen, sessions, gifts: await givers.audit() };
    } finally {
      await stage.close();
      firewall.close();
      await engine.close();
    }
  });
}

/** A relay with one room, its backend, a liver and those who watch. */
interface Stage {
  relay: RelayProcess;
  office: Office;
  webhook: WebhookReceiver;
  members: Member[];
  live(link: LinkOptions): Promise<void>;
  target(sub: string, port?: number): Promise<{ url: string; certificateHashes: string[]; token: string }>;
  /** A browser comes in. */
  enter(name: BrowserName, port: number): Promise<void>;
  figures(): Promise<(MemberFigures & { name: string })[]>;
  close(): Promise<void>;
}

async function onStage<T>(log: (text: string) => void, run: (stage: Stage) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-rebinding-'));
  const webhook = await openWebhookReceiver(folder);
  const relay = await startRelayProcess(folder, webhook.flags);
  const livers = new Livers();
  const pages: BrowserPage[] = [];
  let server: PageServer | undefined;
  const target = async (sub: string, port?: number, roles: ('viewer' | 'liver')[] = ['viewer']) => {
    const token = await mintToken(readSharedKey(join(folder, 'token.key')), {
      room: ROOM,
      sub,
      roles,
      ttlSeconds: 3600,
    });
    const url = new URL(relay.url);
    if (port !== undefined) url.host = `127.0.0.1:${port}`;
    return { url: url.href, certificateHashes: relay.hashes, token };
  };
  const members: Member[] = [];
  try {
    const office = await openOffice(folder);
    return await run({
      ...{ relay, office, webhook, members, target },
      live: async (link) => {
        const plan = { target: await target(LIVER, undefined, ['viewer', 'liver']), relays: [], link };
        await livers.live({ ...plan, fps: 30, voiceMs: 20 });
      },
      enter: async (name, port) => {
        log(`${name} comes in`);
        if (!server) {
          const body = await bundle(new URL('./member-page.ts', import.meta.url).pathname);
          server = await servePages({ '/page.js': { type: 'text/javascript', body } });
        }
        const page = await (name === 'chromium' ? launchChromium() : launchFirefox());
        pages.push(page);
        members.push(await browserMember(name, page, server.origin, await target(name, port)));
      },
      figures: () => Promise.all(members.map(async (member) => ({ name: member.name, ...(await member.figures()) }))),
      close: async () => {
        await Promise.all(members.map((member) => member.close()));
      },
    });
  } finally {
    for (const page of pages) await page.close();
    await server?.close();
    livers.end();
    await relay.stop();
    await webhook.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function rebindsOf(engine: Engine): Promise<number> {
  return (await engine.getStats())['rebinds'] ?? 0;
}

async function openLink(
  relay: RelayProcess,
  { delayMs, jitterMs, everyMs }: { delayMs: number; jitterMs: number; everyMs: number },
) {
  const way = `delay=${delayMs},jitter=${jitterMs}`;
  const { host } = new URL(relay.url);
  const child = hayate(['link', '--to', host, '--up', way, '--down', way, '--rebind', `${everyMs}`, '--json']);
  const { port } = JSON.parse((await child.line(/"event":"ready"/, 30_000)).input) as { port: number };
  const rebinds = () => (JSON.parse(child.stdout.at(-1)!) as { rebinds?: number }).rebinds ?? 0;
  return { port, rebinds, stop: () => child.stop() };
}

/** Every member gives in turn. */
class Givers {
  readonly #stage: Stage;
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;
  readonly #under: Promise<unknown>[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  begin(): void {
    this.#timer = setInterval(() => this.#under.push(this.#give()), 1000 / GIFTS_PER_SECOND);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  async #give(): Promise<void> {
    const n = this.#sent++;
    const { members, office } = this.#stage;
    const member = members[n % members.length]!;
    const ticket = await office.ticket({
      ...{ jti: `gift-${n}`, room: ROOM, sender: member.name, liver: LIVER, item: 'star', reg: 'local' },
      ...{ amount: 100, currency: 'JPY' },
    });
    await member.give(ticket, `gift-${n}`);
  }

  /** Waits for the answers. Every acked gift reaches the backend, each once. */
  async audit(): Promise<RebindingResult['gifts']> {
    await Promise.all(this.#under);
    const { webhook, figures } = this.#stage;
    const answered = async () =>
      (await figures()).reduce((sum, { acked, refused }) => sum + acked.length + refused.length, 0);
    const until = performance.now() + ANSWERED_MS;
    while ((await answered()) < this.#sent && performance.now() < until) await sleep(50);
    const acked = new Set((await figures()).flatMap((each) => each.acked));
    const sent = this.#sent;
    return { sent, acked: acked.size, refused: sent - acked.size, ...(await auditDelivered(acked, webhook)) };
  }
}
