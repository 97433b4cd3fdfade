import { codeError, isInfoText, MAX_INFO_CHARACTERS, type Publish } from '@hayate/codec/messages';
import type { MotionConfig } from '@hayate/codec/motion';
import type { RelaySession } from '../room/relay-session.ts';
import type { VoiceSettings } from '../room/types.ts';

/** What a relay's `publishing` gives. */
export interface Announced {
  slot: number;
  generation: number;
}

/** What a publisher says of itself: once a session, and again when its `info` changes. */
export class Announcement {
  readonly #motion: MotionConfig;
  readonly #voice: VoiceSettings | undefined;
  #info: string | undefined;
  /** As the relay heard it last. */
  #told: string | undefined;
  /** Where the change of `info` that is under way went. */
  #telling: RelaySession | undefined;

  /** Throws `invalid_argument` for an `info` that no relay takes. */
  constructor(motion: MotionConfig, voice: VoiceSettings | undefined, info: string | undefined) {
    this.#motion = motion;
    this.#voice = voice;
    this.#info = checked(info);
  }

  set info(info: string | undefined) {
    this.#info = checked(info);
  }

  /** Asks for the slot, or changes what was said of it. */
  async ask(session: RelaySession): Promise<Announced> {
    const info = this.#info;
    const answer = await session.request((id) => {
      const message: Publish = { t: 'publish', id, motion: this.#motion };
      if (this.#voice) message.voice = { codec: 'opus', sampleRate: 48000, ...this.#voice };
      if (info !== undefined) message.info = info;
      return message;
    });
    if (answer.t !== 'publishing') throw codeError('protocol_error', `the relay answered publish with ${answer.t}`);
    this.#told = info;
    return { slot: answer.slot, generation: answer.gen };
  }

  /** Tells the session that has the slot what it does not know yet, one request at a time: the relay counts them. */
  async keepTold(session: RelaySession): Promise<void> {
    if (this.#telling === session) return;
    this.#telling = session;
    try {
      while (this.#telling === session && this.#told !== this.#info) await this.ask(session);
    } finally {
      if (this.#telling === session) this.#telling = undefined;
    }
  }
}

function checked(info: string | undefined): string | undefined {
  if (info === undefined || isInfoText(info)) return info;
  throw codeError('invalid_argument', `info has ${info.length} characters; up to ${MAX_INFO_CHARACTERS} are sent`);
}
