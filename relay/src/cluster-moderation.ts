import { type Code, codeError } from '@hayate/codec/messages';
import type { Command, RoomAction, RoomEvent, SessionKey } from '../room/types.ts';
import type { Bridge } from '../trunk/bridge.ts';
import type { HostedRoom } from './rooms.ts';

/** About who asks here, or answered by what is kept at the origin. */
const HERE: ReadonlySet<Command['action']> = new Set(['grant', 'deny']);

export interface ClusterModerationOptions {
  bridge(hosted: HostedRoom): Bridge | undefined;
  nowMs(): number;
  subOf(session: SessionKey): string;
  carryOut(hosted: HostedRoom, actions: readonly RoomAction[]): void;
}

/** Moderators' actions in a room that is on several relays: each relay carries them out for the people that it has. */
export class ClusterModeration {
  readonly #options: ClusterModerationOptions;

  constructor(options: ClusterModerationOptions) {
    this.#options = options;
  }

  /** False: it concerns this relay alone. */
  take(hosted: HostedRoom, event: Extract<RoomEvent, { type: 'moderate' }>): boolean {
    const { bridge: bridgeOf, nowMs, subOf, carryOut } = this.#options;
    const { session, id, command } = event;
    const bridge = bridgeOf(hosted);
    if (!bridge || HERE.has(command.action) || !hosted.room.may(session, 'moderate')) return false;
    const by = subOf(session);
    if (command.action === 'delete') {
      if (bridge.branch.isOrigin) return false;
      void this.#ask(hosted, bridge, event, by);
      return true;
    }
    const actions = hosted.room.handle(event, nowMs());
    const refused = actions.find((action) => action.do === 'refuse' && action.session === session && action.id === id);
    if (refused?.do === 'refuse' && refused.code === 'no_such_member') {
      // At another relay, perhaps.
      void this.#ask(hosted, bridge, event, by);
      return true;
    }
    carryOut(hosted, actions);
    if (!refused) this.pass(hosted, command, by);
    return true;
  }

  /** Carried out here already: the other relays are to do the same. */
  pass(hosted: HostedRoom, command: Command, by: string): void {
    const bridge = this.#options.bridge(hosted);
    if (!bridge || HERE.has(command.action) || command.action === 'delete') return;
    if (bridge.branch.isOrigin) bridge.handle({ type: 'act', command, by });
    else void bridge.ask({ ask: 'moderate', sub: by, command });
  }

  async #ask(
    hosted: HostedRoom,
    bridge: Bridge,
    { session, id, command }: Extract<RoomEvent, { type: 'moderate' }>,
    by: string,
  ): Promise<void> {
    const { code } = await bridge.ask({ ask: 'moderate', sub: by, command });
    const action: RoomAction =
      code === undefined ? { do: 'done', session, id } : { do: 'refuse', session, id, code, message: reason(code) };
    this.#options.carryOut(hosted, [action]);
  }
}

function reason(code: Code): string {
  return codeError(code, 'the relay that gives slots and numbers refused it').message;
}
