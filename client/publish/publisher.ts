import {
  MAX_PAYLOAD_BYTES,
  MAX_UPLINK_BUNDLE_BYTES,
  packBundles,
  type TimedUnit,
  UNIT_KIND,
  UnitSender,
} from '@hayate/codec/bundle';
import type { HayateError } from '@hayate/codec/errors';
import { codeError, type Permission } from '@hayate/codec/messages';
import { createFaceEncoder, faceConfig, type MotionEncoder, type MotionFrame } from '@hayate/codec/motion';
import { Emitter } from '../room/emitter.ts';
import type { Joining, Participant } from '../room/participant.ts';
import type { RelaySession } from '../room/relay-session.ts';
import type { RelayRoom } from '../room/room.ts';
import { StandingRequest } from '../room/standing-request.ts';
import type { Publisher, PublisherEvents, PublishOptions, PublishStats, UplinkReport, Welcome } from '../src/types.ts';
import { type Announced, Announcement } from './announcement.ts';
import { Repeater } from './repeater.ts';

const UNPUBLISH_LIMIT_MS = 1_000;
/** A longer hold would eat the lag budget; the relay refuses what is over half a second old. */
const MAX_HOLD_MS = 100;
/** No voice for so long: it pauses, and motion that waits for it would wait in vain. */
const VOICE_PAUSE_MS = 100;
const OPUS_LOOKAHEAD_MS = 6.5;
const MAX_LOOKAHEAD_MS = 100;

interface Live extends Announced {
  session: RelaySession;
  sender: UnitSender;
}

export class RoomPublisher implements Publisher, Participant {
  readonly room: RelayRoom;
  readonly ready: Promise<void>;

  readonly #ownsRoom: boolean;
  readonly #options: PublishOptions;
  readonly #announcement: Announcement;
  readonly #encoder: MotionEncoder;
  readonly #maxHoldMs: number;
  readonly #lookaheadUs: number;
  readonly #repeater = new Repeater();
  readonly #request: StandingRequest<Announced>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #emitter = new Emitter<PublisherEvents>();
  readonly #detach: () => void;
  readonly #unlisten: (() => void)[];
  #live: Live | undefined;
  /** Of the room. */
  #session: RelaySession | undefined;
  /** The session that may take its place, and what to call when it has the slot. */
  #joining: { session: RelaySession; ready(): void } | undefined;
  /** What a viewer holds no more than a key can mend: the next frame is one. */
  #keyNeeded = true;
  #held: TimedUnit[] = [];
  #holdTimer: unknown;
  #repeatTimer: unknown;
  #voiceMs = Number.NEGATIVE_INFINITY;
  #voiceBitrate: number | undefined;
  #closed = false;
  #uplink: UplinkReport | undefined;
  readonly #counts = { motionUnits: 0, voiceUnits: 0, keyUnits: 0, datagrams: 0, bytes: 0 };
  readonly #dropped: Record<string, number> = {};

  /** Throws `invalid_argument` for settings that no relay could take. */
  constructor(room: RelayRoom, ownsRoom: boolean, options: PublishOptions) {
    this.room = room;
    this.#ownsRoom = ownsRoom;
    this.#options = options;
    const motion = faceConfig({ fps: 60, ...options.motion });
    this.#announcement = new Announcement(motion, options.voice, options.info);
    this.#encoder = createFaceEncoder(motion);
    const { holdMs = 'auto' } = options;
    this.#maxHoldMs = holdMs === 'auto' ? MAX_HOLD_MS : holdMs;
    if (!(this.#maxHoldMs >= 0 && this.#maxHoldMs <= MAX_HOLD_MS)) {
      throw codeError('invalid_argument', `holdMs ${holdMs} is not in 0..${MAX_HOLD_MS}`);
    }
    const { voiceLookaheadMs = OPUS_LOOKAHEAD_MS } = options;
    if (!(voiceLookaheadMs >= 0 && voiceLookaheadMs <= MAX_LOOKAHEAD_MS)) {
      throw codeError('invalid_argument', `voiceLookaheadMs ${voiceLookaheadMs} is not in 0..${MAX_LOOKAHEAD_MS}`);
    }
    this.#lookaheadUs = voiceLookaheadMs * 1000;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {});
    this.#request = new StandingRequest({
      environment: room.environment,
      retryMs: options.retryMs ?? 250,
      maxRetryMs: options.maxRetryMs ?? 10_000,
      send: (session) => this.#announcement.ask(session),
      onGranted: (granted, session) => {
        this.#onLive({ ...granted, session, sender: new UnitSender() });
        if (this.#joining?.session === session) this.#joining.ready();
      },
      onRefused: (error) => this.#onRefused(error),
    });
    this.#unlisten = [
      room.on('uplink', (report) => this.#onUplink(report)),
      room.on('warning', (error) => this.#emitter.emit('warning', error)),
      room.on('access', ({ permissions }) => this.#onAccess(permissions)),
    ];
    this.#detach = room.attach(this);
  }

  get live(): boolean {
    return this.#live !== undefined;
  }

  get slot(): number | undefined {
    return this.#live?.slot;
  }

  get generation(): number | undefined {
    return this.#live?.generation;
  }

  motion(frame: MotionFrame, captureUs: number): boolean {
    const live = this.#live;
    if (!live) return this.#drop('not_live');
    const { key, data } = this.#encoder.encode(frame, { key: this.#keyNeeded });
    if (data.length > MAX_PAYLOAD_BYTES) {
      this.#keyNeeded = true;
      return this.#drop('too_large');
    }
    this.#keyNeeded = false;
    this.#counts.motionUnits += 1;
    if (key) this.#counts.keyUnits += 1;
    const unit = live.sender.unit(UNIT_KIND.motion, data, Math.round(captureUs), key);
    const holdMs = this.#holdMs();
    if (holdMs === 0) return this.#send(live, [...this.#takeHeld(), unit]);
    this.#held.push(unit);
    this.#holdTimer ??= this.room.environment.setTimer(() => this.#flush(), holdMs);
    return true;
  }

  voice(packet: Uint8Array, captureUs: number): boolean {
    if (!this.#options.voice) {
      throw codeError(
        'invalid_argument',
        'no voice was announced: publish(target, { voice: { channels: 1, frameMs: 20 } })',
      );
    }
    const live = this.#live;
    if (!live) return this.#drop('not_live');
    if (packet.length > MAX_PAYLOAD_BYTES) return this.#drop('too_large');
    this.#counts.voiceUnits += 1;
    this.#voiceMs = this.room.environment.nowMs();
    // A repeat leaves after this call.
    const payload = this.#repeater.active ? packet.slice() : packet;
    const unit = live.sender.unit(UNIT_KIND.voice, payload, Math.round(captureUs - this.#lookaheadUs));
    return this.#send(live, [...this.#takeHeld(), unit]);
  }

  setInfo(info: string | undefined): void {
    this.#announcement.info = info;
    if (this.#live) this.#tellInfo(this.#live);
  }

  on<K extends keyof PublisherEvents>(type: K, listener: (value: PublisherEvents[K]) => void): () => void {
    return this.#emitter.on(type, listener);
  }

  stats(): PublishStats {
    const { units: repeatedUnits, bytes: repeatedBytes, stale } = this.#repeater;
    const dropped = { ...this.#dropped, ...(stale > 0 && { stale_repeat: stale }) };
    return { ...this.#counts, repeatedUnits, repeatedBytes, dropped, uplink: this.#uplink };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const live = this.#live;
    this.#flush();
    this.#live = undefined;
    this.#request.end();
    if (live) await this.#unpublish(live);
    this.#finish(codeError('closed', 'closed by the application'));
  }

  onOpen(session: RelaySession): void {
    const joined = this.#joining?.session === session;
    this.#session = session;
    this.#joining = undefined;
    if (!joined) this.#request.begin(session);
  }

  /** Media goes on to the present session until the other one gave a slot, and from then on to that. */
  join(session: RelaySession, _welcome: Welcome, _livers: unknown, ready: () => void): Joining | undefined {
    if (!this.#live) return undefined;
    this.#joining = { session, ready };
    this.#request.begin(session);
    return {
      onLiver: () => {},
      onDatagram: () => {},
      abandon: () => {
        if (this.#joining?.session !== session) return;
        this.#joining = undefined;
        if (this.#session && this.#live?.session === session) this.#request.begin(this.#session);
        else this.#request.end();
      },
    };
  }

  onLost(error: HayateError): void {
    this.#session = undefined;
    this.#joining = undefined;
    this.#request.end();
    this.#takeHeld();
    this.#endRepair();
    if (!this.#live) return;
    this.#live = undefined;
    this.#emitter.emit('interrupted', error);
  }

  onClosed(error: HayateError): void {
    this.onLost(error);
    this.#finish(error);
  }

  onDatagram(): void {
    // A publisher hears nothing but probes, and the room answers those.
  }

  /** What the relay does not know yet of `info`. */
  #tellInfo(live: Live): void {
    this.#announcement.keepTold(live.session).catch((error: HayateError) => {
      // Lost with its session, it is said anew on the next.
      if (this.#live === live) this.#emitter.emit('warning', error);
    });
  }

  #onLive(live: Live): void {
    this.#flush();
    this.#endRepair();
    this.#live = live;
    this.#keyNeeded = true;
    this.#ready.resolve();
    this.#tellInfo(live);
    this.#emitter.emit('live', { slot: live.slot, generation: live.generation });
  }

  #onRefused(error: HayateError): void {
    this.#emitter.emit('warning', error);
    if (error.retryable) return;
    const joining = this.#joining;
    this.#joining = undefined;
    if (joining) {
      // It is for the room to go there or not; asked again there, it is refused for good.
      joining.ready();
      return;
    }
    this.onLost(error);
    this.#finish(error);
  }

  /** A moderator took the slot back: what is sent from now on is refused. */
  #onAccess(permissions: ReadonlySet<Permission>): void {
    if (!this.#live || permissions.has('publish')) return;
    const error = codeError('not_permitted', 'the permission to publish was taken back');
    this.onLost(error);
    this.#finish(error);
  }

  async #unpublish(live: Live): Promise<void> {
    const { environment } = this.room;
    const answered = live.session.request((id) => ({ t: 'unpublish', id })).catch(() => {});
    let timer: unknown;
    const limit = new Promise<void>((resolve) => {
      timer = environment.setTimer(resolve, UNPUBLISH_LIMIT_MS);
    });
    await Promise.race([answered, limit]);
    environment.clearTimer(timer);
  }

  #onUplink(report: UplinkReport): void {
    this.#uplink = report;
    this.#live?.session.judge(report.received, report.lost);
    this.#emitter.emit('uplink', report);
    const { repair = 'none', spacingMs = 0, voiceBitrate } = report;
    this.#repeater.ask(repair, spacingMs);
    if (voiceBitrate === this.#voiceBitrate) return;
    this.#voiceBitrate = voiceBitrate;
    this.#emitter.emit('voice_bitrate', voiceBitrate);
  }

  /** How long motion waits for voice now: what the relay asks, as far as the options allow it. */
  #holdMs(): number {
    const asked = this.#uplink?.holdMs;
    if (asked === undefined) return (this.#options.holdMs ?? 'auto') === 'auto' ? 0 : this.#maxHoldMs;
    const pauses = this.room.environment.nowMs() - this.#voiceMs > VOICE_PAUSE_MS;
    return pauses ? 0 : Math.min(asked, this.#maxHoldMs);
  }

  #takeHeld(): TimedUnit[] {
    if (this.#holdTimer !== undefined) this.room.environment.clearTimer(this.#holdTimer);
    this.#holdTimer = undefined;
    const held = this.#held;
    if (held.length > 0) this.#held = [];
    return held;
  }

  #flush(): void {
    const held = this.#takeHeld();
    if (this.#live && held.length > 0) this.#send(this.#live, held);
  }

  /** `units` empty: repeats alone. */
  #send(live: Live, units: TimedUnit[]): boolean {
    const nowMs = this.room.environment.nowMs();
    const repeats = this.#repeater.ride(units, nowMs);
    let sent = true;
    for (const datagram of packBundles([...repeats, ...units], { maxBytes: MAX_UPLINK_BUNDLE_BYTES })) {
      if (live.session.transport.sendDatagram(datagram) !== true) {
        sent = this.#drop('queue_full');
        continue;
      }
      this.#counts.datagrams += 1;
      this.#counts.bytes += datagram.length;
    }
    // What the own queue refused is owed too: its repeat may find room.
    this.#repeater.left(units, nowMs);
    this.#armRepeats(nowMs);
    if (sent && this.#emitter.has('sent')) this.#report(live, units);
    return sent;
  }

  /** One timer, armed when there is none: mostly repeats ride along before it runs. */
  #armRepeats(nowMs: number): void {
    const atMs = this.#repeater.aloneAtMs;
    if (atMs === undefined || this.#repeatTimer !== undefined) return;
    this.#repeatTimer = this.room.environment.setTimer(() => this.#repeatAlone(), Math.max(0, atMs - nowMs));
  }

  #repeatAlone(): void {
    this.#repeatTimer = undefined;
    const live = this.#live;
    if (!live) return;
    const nowMs = this.room.environment.nowMs();
    // Half a ms: timers of some platforms come a little early.
    if ((this.#repeater.aloneAtMs ?? Number.POSITIVE_INFINITY) <= nowMs + 0.5) this.#send(live, []);
    else this.#armRepeats(nowMs);
  }

  #endRepair(): void {
    if (this.#repeatTimer !== undefined) this.room.environment.clearTimer(this.#repeatTimer);
    this.#repeatTimer = undefined;
    this.#repeater.ask('none', 0);
  }

  #report(live: Live, units: TimedUnit[]): void {
    const { slot, generation } = live;
    for (const { kind, sequence, captureUs, key, payload } of units) {
      this.#emitter.emit('sent', {
        slot,
        generation,
        kind: kind === UNIT_KIND.motion ? 'motion' : 'voice',
        sequence,
        captureUs,
        key,
        bytes: payload.length,
      });
    }
  }

  #drop(reason: string): false {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1;
    return false;
  }

  #finish(error: HayateError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#live = undefined;
    this.#takeHeld();
    this.#endRepair();
    this.#request.end();
    this.#detach();
    for (const unlisten of this.#unlisten) unlisten();
    this.#ready.reject(error);
    this.#emitter.clear();
    if (this.#ownsRoom) this.room.close();
  }
}
