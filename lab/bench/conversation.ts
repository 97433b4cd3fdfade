import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LinkProfile } from '@hayate/engine';
import { askChild, pin, prefer } from '../lib/children.ts';
import { type RelayProcess, startRelayProcess } from '../lib/relay-process.ts';
import type { FanLog, FanPlan } from './conversation-fans.ts';
import { spawnChild } from './stream-child.ts';
import { type Heard, OPUS_LOOKAHEAD_MS, type RoomPlan, type Sent, VOICE_MS } from './stream-plan.ts';
import { percentiles } from './stream-present.ts';

export interface ConversationOptions {
  /** Of each side. */
  rooms: number;
  viewers: number;
  /** Share of the viewers who comment, each every 1.1 to 2.1 s. */
  interactive: number;
  /** One way, each hop, ms, +- a quarter. */
  link: number;
  seconds: number;
}

type Percentiles = ReturnType<typeof percentiles>;

interface ConversationCase {
  name: string;
  viewers: number;
  interactive: number;
  answers: number;
  /** Comments that no liver saw, or whose answer never sounded. */
  unanswered: number;
  /** Comment sent -> liver's screen -> next voice sample -> that fan's ear. */
  conversation_ms: Percentiles;
  parts_ms: {
    /** Fan's call to the liver's event. */
    comment: Percentiles;
    /** To the liver's next display frame. */
    screen: Percentiles;
    /** From there until the codec has the packet of the next sample, its look-ahead included. */
    packet: Percentiles;
    /** From there until the fan has the packet. */
    voice: Percentiles;
    /** From there until the sample sounds. */
    playout: Percentiles;
  };
  /** Interactive fans that the relay sent each packet at once in the middle of the run, and how the others were sent to. */
  interactive_at_once: number;
  others_by_n: Record<string, number>;
}

export interface ConversationResult extends ConversationOptions {
  link_ms: string;
  motion: string;
  livers_late_ms_max: number;
  cases: ConversationCase[];
}

/** Who has just joined is in conversation anyway; then what fits must fit for some time. */
const WARM_SECONDS = 16;
/** Rooms so far away that the answer must take longer than asked for: the measurement can fail. */
export const FAR = { name: 'control: far away', rooms: 2, delayMs: 45 };
const SCREEN_US = 1e6 / 60;
const VOICE_US = VOICE_MS * 1000;

const nowUs = () => Number(process.hrtime.bigint() / 1000n);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const round = (value: number, digits = 2) => Number(value.toFixed(digits));

/** One of the things compared. */
interface Side {
  name: string;
  relay: RelayProcess;
  livers: RoomPlan[];
  fans: FanPlan[];
}

interface SideOptions {
  rooms: number;
  viewers: number;
  fans: number;
  link: LinkProfile;
}

const linkOf = (delayMs: number): LinkProfile => ({ delayMs, jitterMs: 0.25 * delayMs });

async function planSide(name: string, relay: RelayProcess, options: SideOptions): Promise<Side> {
  const { rooms, fans, link } = options;
  const side: Side = { name, relay, livers: [], fans: [] };
  for (let i = 0; i < rooms; i += 1) {
    const room = `${name}-${i}`;
    const to = await relay.tokens(room);
    side.livers.push({
      room,
      group: name,
      body: 'hayate',
      to,
      viewers: options.viewers - fans,
      logged: 0,
      up: link,
      down: link,
      hears: true,
    });
    // A person each: what one may write counts over all of a person's sessions.
    for (let n = 0; n < fans; n += 1) {
      const own = await relay.tokens(room);
      side.fans.push({ room, group: name, to: own, fans: 1, down: link });
    }
  }
  return side;
}

interface ViewerRow {
  session: string;
  delivery: { voice: number };
}

/** Voice packets a datagram, by session. At most 50 viewers of a room are told, those with the least time first. */
async function deliveries({ relay, livers }: Side): Promise<Map<string, number>> {
  const out = new Map<string, number>();
  for (const { room } of livers) {
    const response = await fetch(new URL(`/v1/rooms/${encodeURIComponent(room)}`, relay.http));
    const { slowest } = (await response.json()) as { slowest: ViewerRow[] };
    for (const { session, delivery } of slowest) out.set(session, delivery.voice);
  }
  return out;
}

/** When a display of 60 Hz next shows something new; each liver's has a phase of its own. */
function nextFrameUs(atUs: number, phaseUs: number): number {
  return Math.ceil((atUs - phaseUs) / SCREEN_US) * SCREEN_US + phaseUs;
}

class Answers {
  readonly whole: number[] = [];
  readonly comment: number[] = [];
  readonly screen: number[] = [];
  readonly packet: number[] = [];
  readonly voice: number[] = [];
  readonly playout: number[] = [];
  unanswered = 0;

  /** `sent`: when the first sound of each packet was spoken, by sequence, us, -1 where there is none. */
  add(sentUs: number, heardUs: number | undefined, phaseUs: number, sent: Float64Array, fan: FanLog): void {
    if (heardUs === undefined) {
      this.unanswered += 1;
      return;
    }
    const screenUs = nextFrameUs(heardUs, phaseUs);
    for (const [sequence, soundUs] of sent.entries()) {
      if (soundUs < 0 || soundUs + VOICE_US <= screenUs) continue;
      const packet = fan.voice.get(sequence);
      // What does not sound is no answer: the next packet is.
      if (packet?.playMs === undefined) continue;
      const sampleUs = Math.max(screenUs, soundUs);
      // The codec looks ahead: it has the packet so long after its last sound.
      const spokenUs = soundUs + VOICE_US + OPUS_LOOKAHEAD_MS * 1000;
      const earUs = packet.playMs * 1000 + (sampleUs - soundUs);
      this.whole.push((earUs - sentUs) / 1000);
      this.comment.push((heardUs - sentUs) / 1000);
      this.screen.push((screenUs - heardUs) / 1000);
      this.packet.push((spokenUs - screenUs) / 1000);
      this.voice.push(packet.receivedMs - spokenUs / 1000);
      this.playout.push(earUs / 1000 - packet.receivedMs);
      return;
    }
    this.unanswered += 1;
  }
}

function summarise(
  side: Side,
  logs: FanLog[],
  heard: Heard[],
  sent: Sent[],
  fromUs: number,
  toUs: number,
  byN: Map<string, number>,
): ConversationCase {
  const answers = new Answers();
  const seen = new Map(heard.map(({ room, text, atUs }) => [`${room} ${text}`, atUs]));
  const fans = logs.filter(({ group }) => group === side.name);
  for (const fan of fans) {
    const room = side.livers.findIndex((plan) => plan.room === fan.room);
    const voice = sent.find((one) => one.room === fan.room)!.voice;
    const phaseUs = (room * SCREEN_US) / side.livers.length;
    for (const { text, sentUs } of fan.comments) {
      if (sentUs < fromUs || sentUs >= toUs) continue;
      answers.add(sentUs, seen.get(`${fan.room} ${text}`), phaseUs, voice, fan);
    }
  }
  const talking = new Set(fans.map(({ session }) => session));
  const others: Record<string, number> = {};
  for (const [session, n] of byN) if (!talking.has(session)) others[`n ${n}`] = (others[`n ${n}`] ?? 0) + 1;
  return {
    name: side.name,
    viewers: side.livers.reduce((n, { viewers }) => n + viewers, fans.length),
    interactive: fans.length,
    answers: answers.whole.length,
    unanswered: answers.unanswered,
    conversation_ms: percentiles(answers.whole),
    parts_ms: {
      comment: percentiles(answers.comment),
      screen: percentiles(answers.screen),
      packet: percentiles(answers.packet),
      voice: percentiles(answers.voice),
      playout: percentiles(answers.playout),
    },
    interactive_at_once: fans.filter(({ session }) => byN.get(session) === 1).length,
    others_by_n: others,
  };
}

interface Played {
  measured: ConversationCase;
  motion: string;
  lateUs: number;
}

/** One side alone on a relay of its own. */
async function play(
  { name, flags, options }: { name: string; flags: string[]; options: SideOptions },
  seconds: number,
): Promise<Played> {
  const stateDir = mkdtempSync(join(tmpdir(), 'hayate-conversation-'));
  const relay = await startRelayProcess(stateDir, flags);
  const [loader, fans, livers] = ['stream-loader.ts', 'conversation-fans.ts', 'stream-livers.ts'].map(spawnChild) as [
    ChildProcess,
    ChildProcess,
    ChildProcess,
  ];
  try {
    pin(relay.pid, 0);
    for (const child of [loader, fans]) pin(child.pid ?? 0, 1);
    for (const pid of [relay.pid, loader.pid, fans.pid, livers.pid]) prefer(pid ?? 0);
    const side = await planSide(name, relay, options);
    await askChild(loader, 'open', { plans: side.livers });
    await askChild(fans, 'open', { plans: side.fans });
    const { motion } = await askChild<{ motion: string }>(livers, 'open', { plans: side.livers });
    const groups = [name];
    const all = WARM_SECONDS + seconds;
    const playing = askChild<{ late_us_max: number }>(livers, 'play', { groups, seconds: all + 2, dtx: false });
    const talking = askChild(fans, 'talk', { seconds: all });
    await sleep(1000 * WARM_SECONDS);
    const fromUs = nowUs();
    await sleep(500 * seconds);
    const byN = await deliveries(side);
    await talking;
    const toUs = nowUs();
    const { late_us_max: lateUs } = await playing;
    const heard = await askChild<Heard[]>(livers, 'heard');
    const sent = await askChild<Sent[]>(livers, 'sent', { groups });
    const logs = await askChild<FanLog[]>(fans, 'logs');
    return { measured: summarise(side, logs, heard, sent, fromUs, toUs, byN), motion, lateUs };
  } finally {
    for (const child of [livers, fans, loader]) child.kill();
    await relay.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/**
 * How long a fan waits for an answer: its comment goes to the liver's screen, and the first voice sample captured after that
 * comes to the fan's ear. With bundling, without it, and far away, one after the other: what livers and fans on the same
 * machine are late with would count as the network's.
 */
export async function conversation(
  options: ConversationOptions,
  log: (text: string) => void,
): Promise<ConversationResult> {
  const { rooms, viewers, link, seconds } = options;
  const same = { rooms, viewers, fans: Math.round(options.interactive * viewers), link: linkOf(link) };
  const sides = [
    { name: 'hayate', flags: [], options: same },
    // Without a budget there is nothing to spend: each unit leaves at once.
    { name: 'unbundled', flags: ['--rooms-budget-ms', '20', '--rooms-voice-per-datagram', '1'], options: same },
    { name: FAR.name, flags: [], options: { ...same, rooms: FAR.rooms, link: linkOf(FAR.delayMs) } },
  ];
  const played: Played[] = [];
  for (const side of sides) {
    log(`${side.name}: ${WARM_SECONDS} s of media and comments, then ${seconds} s that count`);
    played.push(await play(side, seconds));
  }
  return {
    ...options,
    link_ms: `${link} +- ${0.25 * link} each way, each hop`,
    motion: played[0]!.motion,
    livers_late_ms_max: round(Math.max(...played.map(({ lateUs }) => lateUs)) / 1000, 1),
    cases: played.map(({ measured }) => measured),
  };
}
