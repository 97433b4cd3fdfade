import { codeError, encodeMessage } from '@hayate/codec/messages';
import type { Logger } from 'pino';
import type { Community } from '../community/index.ts';
import type { MediaPlane } from '../media/plane.ts';
import { Flood } from '../policy/flood.ts';
import type { RoomAction, RoomEvent, SessionKey } from '../room/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { ResumeTokens } from '../token/resume.ts';
import type { RoomLifecycle } from './lifecycle.ts';
import { Moderator } from './moderator.ts';
import type { HostedRoom } from './rooms.ts';
import type { Sessions } from './sessions.ts';

export interface ActionsOptions {
  sessions: Sessions;
  plane: MediaPlane;
  community: Community;
  resume: ResumeTokens;
  /** Of one liver, above which it is warned. */
  unitsPerSecond: number;
  counters: Counters;
  log: Logger;
  nowMs(): number;
  /** Since 1970, ms. */
  dateMs(): number;
  vanish(hosted: HostedRoom): void;
  /** Before it is carried out. */
  decided(hosted: HostedRoom, action: RoomAction): void;
  /** As in `welcome`; undefined: this relay counts by itself. */
  numbering(hosted: HostedRoom): string | undefined;
  lifecycle: RoomLifecycle;
}

type Of<D extends RoomAction['do']> = Extract<RoomAction, { do: D }>;

/** Hands events to the rooms' rules and carries out what these decide: on streams, on the media plane, on sessions. */
export class RoomActions {
  readonly #options: ActionsOptions;
  readonly #sessions: Sessions;
  readonly #moderator: Moderator;

  constructor(options: ActionsOptions) {
    this.#options = options;
    this.#sessions = options.sessions;
    this.#moderator = new Moderator(options);
  }

  dispatch(hosted: HostedRoom, event: RoomEvent): void {
    this.carryOut(hosted, hosted.room.handle(event, this.#options.nowMs()));
  }

  carryOut(hosted: HostedRoom, actions: readonly RoomAction[]): void {
    if (actions.length > 0) this.#options.plane.batch(() => this.#carryOut(hosted, actions));
  }

  #carryOut(hosted: HostedRoom, actions: readonly RoomAction[]): void {
    for (const action of actions) {
      try {
        this.#options.decided(hosted, action);
        this.#apply(hosted, action);
      } catch (error) {
        // A fault with one session or room is no reason to end all the others.
        this.#options.counters.add('refused', 'internal');
        this.#options.log.error({ room: hosted.name, action: action.do, err: error }, 'fault');
      }
    }
  }

  #apply(hosted: HostedRoom, action: RoomAction): void {
    const { media } = hosted;
    switch (action.do) {
      case 'welcome':
        this.#welcome(hosted, action);
        return;
      case 'publishing':
        this.#sessions.of(action.session)?.send({ t: 'publishing', id: action.id, slot: action.slot, gen: action.gen });
        return;
      case 'done':
        this.#sessions.of(action.session)?.send({ t: 'done', id: action.id });
        return;
      case 'refuse': {
        const { retryable } = codeError(action.code, '');
        this.#options.counters.add('refused', action.code);
        this.#sessions.of(action.session)?.refuse(action.id, action.code, action.message, retryable);
        return;
      }
      case 'liver':
        this.#tellAll(hosted, encodeMessage({ t: 'liver', ...action.liver }));
        return;
      case 'left':
        this.#options.lifecycle.left(hosted.name, action.slot);
        this.#tellAll(hosted, encodeMessage({ t: 'left', slot: action.slot, gen: action.gen }));
        return;
      case 'access': {
        const { do: _, session, roles, permissions, ...rest } = action;
        this.#sessions.of(session)?.send({ t: 'access', ...rest, roles: [...roles], permissions: [...permissions] });
        return;
      }
      case 'tell': {
        const message = encodeMessage(action.message);
        for (const session of action.to) this.#sessions.of(session)?.sendEncoded(message);
        return;
      }
      case 'news':
        if (action.message.t === 'presence') hosted.news.change(action.to, action.message);
        else hosted.news.whole(action.to, action.message);
        return;
      case 'slow':
        hosted.comments.slowSeconds = action.seconds;
        return;
      case 'deleteComments':
        this.#moderator.deleteComments(hosted, action);
        return;
      case 'ban':
        void this.#moderator.ban(hosted, action);
        return;
      case 'unban':
        void this.#moderator.unban(hosted, action);
        return;
      case 'audit':
        this.#moderator.audit(hosted, action);
        return;
      case 'gone':
        this.#options.community.left(hosted.name, action.sub);
        return;
      case 'mediaPublish':
        this.#options.lifecycle.taken(hosted.name, action.slot);
        this.#publish(hosted, action);
        return;
      case 'mediaUnpublish':
        hosted.delivery.unpublished(action.slot);
        media.unpublish(action.slot);
        return;
      case 'mediaJoin':
        this.#mediaJoin(hosted, action.session);
        return;
      case 'mediaLeave': {
        hosted.delivery.unwatched(action.session);
        const transport = this.#sessions.of(action.session)?.transport;
        if (transport) media.leave(transport);
        return;
      }
      case 'closeSession':
        if (action.code === 'room_closed') this.#options.lifecycle.closed(hosted.name);
        this.#sessions.of(action.session)?.close(action.code, action.reason);
        return;
      case 'askSlot':
      case 'allotted':
      case 'unallotted':
      case 'evict':
        // For other relays: `decided` has told them.
        return;
      case 'vanish':
        this.#options.vanish(hosted);
        return;
    }
  }

  #welcome(hosted: HostedRoom, action: Of<'welcome'>): void {
    const { session, livers, identity, permissions, resumed } = action;
    const reliable = this.#sessions.of(session);
    if (!reliable) return;
    this.#options.plane.admit(reliable.transport);
    if (resumed) this.#options.counters.add('sessions_resumed');
    const numbering = this.#options.numbering(hosted);
    reliable.send({
      t: 'welcome',
      v: 1,
      session: this.#sessions.nameOf(session),
      room: hosted.name,
      alias: hosted.alias,
      sub: identity.sub,
      ...(identity.name === undefined ? {} : { name: identity.name }),
      roles: [...identity.roles],
      permissions: [...permissions],
      expiresAt: identity.expiresAt,
      resume: this.#options.resume.make(session, hosted.name, identity.sub),
      ...(resumed ? { resumed } : {}),
      budgetMs: hosted.delivery.budgetMs,
      ...(numbering === undefined ? {} : { numbering }),
      livers,
    });
  }

  #tellAll(hosted: HostedRoom, message: Uint8Array): void {
    for (const session of hosted.room.members()) this.#sessions.of(session)?.sendEncoded(message);
  }

  #publish(hosted: HostedRoom, { session, slot, gen }: Of<'mediaPublish'>): void {
    const known = this.#sessions.get(session);
    if (!known) return;
    known.flood = new Flood(this.#options.unitsPerSecond);
    const tell = (type: 'synced' | 'unsynced') => this.dispatch(hosted, { type, session, slot, gen });
    hosted.media.publish(known.reliable.transport, slot, gen).then(
      () => tell('synced'),
      (error: unknown) => {
        this.#options.log.debug({ session, slot, err: error }, 'publish not synced');
        tell('unsynced');
      },
    );
  }

  #mediaJoin(hosted: HostedRoom, session: SessionKey): void {
    const reliable = this.#sessions.of(session);
    if (!reliable) return;
    try {
      hosted.media.join(reliable.transport);
      hosted.delivery.watching(session);
    } catch (error) {
      this.#options.log.error({ session, err: error }, 'fault');
      reliable.close('internal', 'a fault of the relay');
    }
  }
}
