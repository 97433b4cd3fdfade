import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, type LinkProfile, openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { perform, type RunningPerformance } from '../../cli/performance.ts';
import { launchPhone, type PhonePage } from '../browsers/index.ts';
import { freePorts } from '../lib/free-ports.ts';
import { startRelayProcess } from '../lib/relay-process.ts';

const ROOM = 'phone';
const FPS = 30;
const LIVER_LINK = { tx: { delayMs: 5, jitterMs: 2, seed: 7 }, rx: { delayMs: 5, seed: 8 } };
const SAMPLE_MS = 500;
const START_MS = 30_000;
/** Of each profile's time what the playout may take to follow. */
const SETTLES_SHARE = 1 / 3;

/** Where a phone is in turn. One way. */
const PROFILES: Record<string, LinkProfile> = {
  'Wi-Fi': { delayMs: 5, jitterMs: 2, loss: 0.002 },
  LTE: { delayMs: 25, jitterMs: 8, loss: 0.01 },
  '5G': { delayMs: 12, jitterMs: 4, loss: 0.002 },
  train: { delayMs: 40, jitterMs: 15, loss: 0.03 },
  'cable, somebody uploads': { delayMs: 15, jitterMs: 10, rateKbps: 2000, queueMs: 200 },
};

export interface PhoneOptions {
  seconds: number;
  profileSeconds: number;
  /** In the middle, behind another tab. */
  hiddenSeconds: number;
  throttle: number;
}

interface Sample {
  turn: number;
  atMs: number;
  profile: string;
  hidden: boolean;
  state: string;
  /** Capture to presentation, ms; null where nothing is shown. */
  lagMs: number | null;
  framesShown: number;
  voicePackets: number;
  sessions: number;
  skew: { least: number; most: number } | null;
}

export interface PhoneResult extends PhoneOptions {
  browser: string;
  /** By profile, each time that it came, ms: median of what is shown once the playout has followed. */
  lag_ms: Record<string, (number | null)[]>;
  /** Of live objects of the page each half minute, MB. */
  heap_mb: number[];
  /** Voice after face. */
  skew_ms: { least: number; most: number } | null;
  sessions: number;
  /** Frames drawn a second while in front; voice packets a second while hidden, and in front. */
  frames_per_s: number;
  voice_per_s: { visible: number; hidden: number };
  /** Until it shows frames again once it is in front. */
  back_after_ms: number;
  errors: string[];
}

/** The viewer's page as on a phone that goes about: slow processor, other networks, another app in front. */
export async function phone(options: PhoneOptions, log: (text: string) => void): Promise<PhoneResult> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-phone-'));
  const [near, far] = (await freePorts(2)) as [number, number];
  const url = (port: number) => `https://127.0.0.1:${port}/v1`;
  const relay = await startRelayProcess(folder, ['--listen-port', `${near}`, '--public-url', url(far)]);
  const engine = openEngine();
  const networks = new Networks(engine, far, near);
  const page = await launchPhone();
  let liver: RunningPerformance | undefined;
  try {
    const { liverToken, hash } = await relay.tokens(ROOM);
    const connector = engineConnector(engine, { link: LIVER_LINK });
    // Silence too: how many packets come must not depend on what is said.
    const liverOptions = { connector, seed: 1, fps: FPS, dtx: false };
    liver = await perform({ url: url(near), certificateHashes: [hash], token: liverToken }, liverOptions);
    networks.enter('Wi-Fi');
    await page.throttle(options.throttle);
    await page.goto(`${relay.http}/?room=${ROOM}&role=viewer`);
    await page.waitFor("window.hayate && hayate.state === 'open' && hayate.framesShown > 30", START_MS);
    return await new Walk(page, networks, options, log).run();
  } finally {
    await liver?.stop();
    await page.close();
    networks.leave();
    await engine.close();
    await relay.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the phone's packets go through. Another network is another address, too. */
class Networks {
  readonly #engine: Engine;
  readonly #port: number;
  readonly #relayPort: number;
  #proxy: { close(): void } | undefined;
  #entered = 0;

  constructor(engine: Engine, port: number, relayPort: number) {
    this.#engine = engine;
    this.#port = port;
    this.#relayPort = relayPort;
  }

  enter(name: string): void {
    this.leave();
    const seed = ++this.#entered;
    const profile = PROFILES[name]!;
    this.#proxy = this.#engine.proxy({
      ...{ host: '127.0.0.1', port: this.#port, target: { host: '127.0.0.1', port: this.#relayPort } },
      link: { tx: { ...profile, seed }, rx: { ...profile, seed: seed + 1000 } },
    });
  }

  leave(): void {
    this.#proxy?.close();
    this.#proxy = undefined;
  }
}

/** Ten minutes of it, or less. */
class Walk {
  readonly #page: PhonePage;
  readonly #networks: Networks;
  readonly #options: PhoneOptions;
  readonly #log: (text: string) => void;
  readonly #samples: Sample[] = [];
  readonly #heapMb: number[] = [];
  #backAfterMs = Number.NaN;

  constructor(page: PhonePage, networks: Networks, options: PhoneOptions, log: (text: string) => void) {
    this.#page = page;
    this.#networks = networks;
    this.#options = options;
    this.#log = log;
  }

  async run(): Promise<PhoneResult> {
    const { seconds, profileSeconds, hiddenSeconds } = this.#options;
    const names = Object.keys(PROFILES);
    const turns = Math.floor(seconds / profileSeconds);
    const hiddenFrom = Math.floor(turns / 2);
    const hiddenTurns = Math.round(hiddenSeconds / profileSeconds);
    for (let turn = 0; turn < turns; turn += 1) {
      const profile = names[turn % names.length]!;
      if (turn === hiddenFrom) await this.#page.setHidden(true);
      if (turn === hiddenFrom + hiddenTurns) await this.#return();
      const hidden = turn >= hiddenFrom && turn < hiddenFrom + hiddenTurns;
      this.#log(`${turn * profileSeconds} s: ${profile}${hidden ? ', behind another tab' : ''}`);
      this.#networks.enter(profile);
      await this.#watch(profile, hidden, turn);
      this.#heapMb.push(Number(((await this.#page.heapBytes()) / 1e6).toFixed(2)));
    }
    return this.#result(turns);
  }

  async #watch(profile: string, hidden: boolean, turn: number): Promise<void> {
    const { profileSeconds } = this.#options;
    const untilMs = performance.now() + profileSeconds * 1000;
    while (performance.now() < untilMs) {
      await sleep(SAMPLE_MS);
      const seen = await this.#page.evaluate<Omit<Sample, 'turn' | 'atMs' | 'profile' | 'hidden'>>(SEEN);
      this.#samples.push({ turn, atMs: performance.now(), profile, hidden, ...seen });
    }
  }

  async #return(): Promise<void> {
    const shown = await this.#page.evaluate<number>('hayate.framesShown');
    const fromMs = performance.now();
    await this.#page.setHidden(false);
    await this.#page.waitFor(`hayate.framesShown > ${shown + 2}`, START_MS);
    this.#backAfterMs = Math.round(performance.now() - fromMs);
  }

  #result(turns: number): PhoneResult {
    const { profileSeconds } = this.#options;
    const lagMs: PhoneResult['lag_ms'] = Object.fromEntries(Object.keys(PROFILES).map((name) => [name, []]));
    for (let turn = 0; turn < turns; turn += 1) {
      const of = this.#samples.filter((sample) => sample.turn === turn);
      const [first] = of;
      if (!first || first.hidden) continue;
      const lags = of
        .filter(({ atMs }) => atMs - first.atMs > profileSeconds * 1000 * SETTLES_SHARE)
        .flatMap((sample) => sample.lagMs ?? [])
        .sort((a, b) => a - b);
      lagMs[first.profile]!.push(lags[Math.floor(lags.length / 2)] ?? null);
    }
    const last = this.#samples.at(-1)!;
    const errors = this.#page.console.filter(({ level }) => level === 'error' || level === 'exception');
    return {
      ...this.#options,
      browser: this.#page.browser,
      lag_ms: lagMs,
      heap_mb: this.#heapMb,
      skew_ms: last.skew,
      sessions: last.sessions,
      frames_per_s: this.#rate('framesShown', false),
      voice_per_s: { visible: this.#rate('voicePackets', false), hidden: this.#rate('voicePackets', true) },
      back_after_ms: this.#backAfterMs,
      errors: errors.map(({ text }) => text),
    };
  }

  #rate(of: 'framesShown' | 'voicePackets', hidden: boolean): number {
    let [count, ms] = [0, 0];
    for (const [n, sample] of this.#samples.entries()) {
      const before = this.#samples[n - 1];
      if (!before || sample.hidden !== hidden || before.hidden !== hidden) continue;
      count += sample[of] - before[of];
      ms += sample.atMs - before.atMs;
    }
    return Number(((count * 1000) / ms).toFixed(1));
  }
}

const SEEN = `(() => {
  const { state, lagMs, framesShown, voicePackets, sessions } = hayate;
  const skew = hayate.playout()?.skewMs;
  return { state, framesShown, voicePackets, sessions,
    lagMs: Number.isFinite(lagMs) ? Math.round(lagMs * 10) / 10 : null,
    skew: skew && Number.isFinite(skew.least) ? { least: Math.round(skew.least), most: Math.round(skew.most) } : null };
})()`;
