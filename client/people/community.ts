import type { HayateError } from '@hayate/codec/errors';
import { codeError, type RelayMessage } from '@hayate/codec/messages';
import type { Environment } from '../room/environment.ts';
import type { Participant } from '../room/participant.ts';
import type { RelaySession } from '../room/relay-session.ts';
import type { RoomEvents, Welcome } from '../src/types.ts';
import { moderation } from './moderation.ts';
import { RoomPeople } from './presence.ts';
import { RoomComments } from './room-comments.ts';
import { Speaking } from './speaking.ts';
import { TokenKeeper } from './token-keeper.ts';
import type { RoomAccess, RoomModeration } from './types.ts';

export interface CommunitySetup {
  environment: Environment;
  /** Of another token; undefined where there is but one. */
  renew: (() => Promise<string>) | undefined;
  emit<K extends keyof RoomEvents>(type: K, value: RoomEvents[K]): void;
}

/** What a room has beside media and gifts: comments, people, speaking, moderation, and what this session may do. */
export class Community implements Participant {
  readonly comments: RoomComments;
  readonly people: RoomPeople;
  readonly speaking = new Speaking(() => this.#access?.permissions.has('publish') === true);
  readonly moderate: RoomModeration;
  readonly #emit: CommunitySetup['emit'];
  readonly #tokenKeeper: TokenKeeper | undefined;
  readonly #parts: Participant[];
  #session: RelaySession | undefined;
  #subject: string | undefined;
  #access: RoomAccess | undefined;

  constructor({ environment, renew, emit }: CommunitySetup) {
    this.#emit = emit;
    const onWarning = (error: HayateError) => emit('warning', error);
    this.comments = new RoomComments({
      environment,
      onComment: (comment) => emit('comment', comment),
      onPlaced: (placed) => emit('comment_placed', placed),
      onMissed: (count) => emit('missed', { count }),
      onDeleted: (deleted) => emit('deleted', deleted),
      onReactions: (counts) => emit('reactions', { counts }),
      onWarning,
    });
    this.people = new RoomPeople({
      environment,
      onPresence: (change) => emit('presence', change),
      onRules: (rules) => emit('rules', rules),
      onWarning,
    });
    this.moderate = moderation(async (action) => {
      if (!this.#session) throw codeError('connection_lost', 'no session now: await room.ready');
      await this.#session.request((id) => ({ t: 'moderate', id, ...action }));
      // Who is muted or host now is in no news of who came and went.
      this.people.refresh();
    });
    this.#tokenKeeper = renew && new TokenKeeper({ environment, token: renew, onWarning });
    this.#parts = [this.comments, this.people, this.speaking, ...(this.#tokenKeeper ? [this.#tokenKeeper] : [])];
  }

  /** Undefined without a session. */
  get access(): RoomAccess | undefined {
    return this.#access;
  }

  onOpen(session: RelaySession, welcome: Welcome): void {
    this.#session = session;
    this.#subject = welcome.subject;
    const { roles, permissions, expiresAtMs } = welcome;
    this.#change({ roles, permissions, expiresAtMs });
    for (const part of this.#parts) part.onOpen(session, welcome);
  }

  onLost(error: HayateError): void {
    this.#session = undefined;
    this.#access = undefined;
    for (const part of this.#parts) part.onLost(error);
  }

  onClosed(error: HayateError): void {
    this.onLost(error);
    for (const part of this.#parts) part.onClosed(error);
  }

  onDatagram(): void {}

  /** Returns whether the message is one of these. */
  take(message: RelayMessage): boolean {
    if (message.t === 'access') {
      const { roles, permissions, expiresAt } = message;
      this.#tokenKeeper?.expiresAt(expiresAt);
      this.#change({ roles, permissions: new Set(permissions), expiresAtMs: expiresAt });
      return true;
    }
    if (message.t === 'speak') {
      const { sub, name, state } = message;
      if (sub === this.#subject) this.speaking.onSpeak(state);
      this.people.take(message);
      this.#emit('speak', { subject: sub, ...(name !== undefined && { name }), state });
      return true;
    }
    return this.people.take(message);
  }

  #change(access: RoomAccess): void {
    this.#access = access;
    this.#emit('access', access);
  }
}
