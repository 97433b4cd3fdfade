import type { HayateError } from '@hayate/codec/errors';
import type {
  Members,
  PresenceChanged,
  RelayMessage,
  RoomState,
  SpeakChanged,
  Member as WireMember,
} from '@hayate/codec/messages';
import type { Environment } from '../room/environment.ts';
import type { Participant } from '../room/participant.ts';
import type { RelaySession } from '../room/relay-session.ts';
import { StandingRequest } from '../room/standing-request.ts';
import type { PresenceChange, RoomMember, RoomPresence, RoomRules } from './types.ts';

const MAX_MEMBERS = 64;
const MAX_REQUESTS = 32;
const RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;
/** Names that were left out make the list doubtful: it is asked for again, so often at most. */
const REFRESH_MS = 10_000;

export interface PresenceSetup {
  environment: Environment;
  onPresence(change: PresenceChange): void;
  onRules(rules: RoomRules): void;
  onWarning(error: HayateError): void;
}

/** Who is in the room, kept from the relay's news while somebody wants it. */
export class RoomPeople implements Participant {
  readonly #setup: PresenceSetup;
  readonly #asking: StandingRequest<unknown>;
  #session: RelaySession | undefined;
  #wanted = false;
  #presence: RoomPresence | undefined;
  #rules: RoomRules | undefined;
  #refreshTimer: unknown;

  constructor(setup: PresenceSetup) {
    this.#setup = setup;
    this.#asking = new StandingRequest({
      environment: setup.environment,
      retryMs: RETRY_MS,
      maxRetryMs: MAX_RETRY_MS,
      send: (session) => session.request((id) => ({ t: 'presence', id, on: true })),
      onGranted: () => {},
      onRefused: setup.onWarning,
    });
  }

  /** Undefined before the relay told, and without a session. */
  get presence(): RoomPresence | undefined {
    return this.#presence;
  }

  get rules(): RoomRules | undefined {
    return this.#rules;
  }

  /** Whether somebody wants to know; the relay is told when that changes. */
  want(wanted: boolean): void {
    if (this.#wanted === wanted) return;
    this.#wanted = wanted;
    if (!this.#session) return;
    if (wanted) {
      this.#asking.begin(this.#session);
      return;
    }
    this.#forget();
    this.#session.request((id) => ({ t: 'presence', id, on: false })).catch(() => {});
  }

  onOpen(session: RelaySession): void {
    this.#session = session;
    if (this.#wanted) this.#asking.begin(session);
  }

  onLost(): void {
    this.#session = undefined;
    this.#forget();
  }

  onClosed(): void {
    this.onLost();
  }

  onDatagram(): void {}

  /** Returns whether the message was one of these. */
  take(message: RelayMessage): boolean {
    switch (message.t) {
      case 'room':
        this.#onRules(message);
        return true;
      case 'members':
        this.#onMembers(message);
        return true;
      case 'presence':
        this.#onPresence(message);
        return true;
      case 'speak':
        this.#onSpeak(message);
        return true;
      default:
        return false;
    }
  }

  #onRules({ slowSeconds, host }: RoomState): void {
    if (!this.#wanted) return;
    this.#rules = { slowSeconds, ...(host !== undefined && { host }) };
    this.#setup.onRules(this.#rules);
  }

  #onMembers({ total, viewers, members, requests = [] }: Members): void {
    const presence = {
      total,
      viewers,
      members: members.slice(0, MAX_MEMBERS).map(memberOf),
      requests: requests.slice(0, MAX_REQUESTS).map(memberOf),
    };
    this.#show(presence, { entered: [], left: [], moreEntered: 0, moreLeft: 0 });
  }

  #onPresence({ total, viewers, entered, left, moreEntered = 0, moreLeft = 0 }: PresenceChanged): void {
    if (!this.#presence) return;
    const came = entered.map(memberOf);
    const gone = new Set(left);
    const members = withNewest(
      this.#presence.members.filter(({ subject }) => !gone.has(subject)),
      came,
    );
    const requests = this.#presence.requests.filter(({ subject }) => !gone.has(subject));
    this.#show({ total, viewers, members, requests }, { entered: came, left, moreEntered, moreLeft });
    const doubtful = moreLeft > 0 || moreEntered > 0 || members.length < Math.min(total, MAX_MEMBERS);
    if (doubtful) this.#refreshTimer ??= this.#setup.environment.setTimer(() => this.refresh(), REFRESH_MS);
  }

  #onSpeak({ sub, name, state }: SpeakChanged): void {
    if (!this.#presence) return;
    const known = this.#presence.members.find(({ subject }) => subject === sub);
    const others = this.#presence.requests.filter(({ subject }) => subject !== sub);
    const waits = state === 'requested' && others.length < MAX_REQUESTS;
    const asked = known ?? memberOf({ sub, ...(name !== undefined && { name }), roles: [] });
    const requests = waits ? [...others, asked] : others;
    this.#show({ ...this.#presence, requests }, { entered: [], left: [], moreEntered: 0, moreLeft: 0 });
  }

  /** Asks for the whole list anew. */
  refresh(): void {
    this.#setup.environment.clearTimer(this.#refreshTimer);
    this.#refreshTimer = undefined;
    if (this.#session && this.#wanted) this.#asking.begin(this.#session);
  }

  #show(presence: RoomPresence, change: Omit<PresenceChange, keyof RoomPresence>): void {
    if (!this.#wanted) return;
    this.#presence = presence;
    this.#setup.onPresence({ ...presence, ...change });
  }

  #forget(): void {
    this.#asking.end();
    this.#setup.environment.clearTimer(this.#refreshTimer);
    this.#refreshTimer = undefined;
    this.#presence = undefined;
    this.#rules = undefined;
  }
}

function memberOf({ sub, name, roles, isNew = false, muted = false }: WireMember): RoomMember {
  return { subject: sub, ...(name !== undefined && { name }), roles, isNew, muted };
}

/** Livers and moderators first, then the newest. */
function withNewest(members: readonly RoomMember[], came: readonly RoomMember[]): RoomMember[] {
  const fresh = new Set(came.map(({ subject }) => subject));
  const present = members.filter(({ subject }) => !fresh.has(subject));
  const all = [...present.filter(isStaff), ...came.filter(isStaff)];
  return [...all, ...came.filter(not(isStaff)).reverse(), ...present.filter(not(isStaff))].slice(0, MAX_MEMBERS);
}

function isStaff({ roles }: RoomMember): boolean {
  return roles.includes('liver') || roles.includes('moderator');
}

function not(test: (member: RoomMember) => boolean): (member: RoomMember) => boolean {
  return (member) => !test(member);
}
