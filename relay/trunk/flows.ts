import type { Code } from '@hayate/codec/messages';
import { type Asked, Asks } from './asks.ts';
import { Grants } from './grants.ts';
import type { Pulls } from './pulls.ts';
import type { Standing } from './standing.ts';
import type { Answer, Ask, Asker, BranchAction, RelayId, RoomMessage } from './types.ts';

/** Without a way to the origin for so long, the relay gives slots itself: the half of a cut that has no origin goes on. */
const ALONE_MS = 1000;

const REFUSED: Answer = { code: 'overloaded' };

type Of<T extends RoomMessage['t']> = Extract<RoomMessage, { t: T }>;

export interface FlowsOptions {
  room: string;
  standing: Standing;
  pulls: Pulls;
  children: ReadonlySet<RelayId>;
  /** Whether the way to the origin is known. */
  rooted(): boolean;
  /** Whether it is looked for: somebody is here or below. */
  seeks(nowMs: number): boolean;
  random(): number;
  act(action: BranchAction): void;
}

/** What goes up a room's tree to the origin, its answers, and what the origin sends down. */
export class Flows {
  readonly #options: FlowsOptions;
  readonly #asks = new Asks();
  readonly #grants = new Grants();
  #aloneSinceMs: number | undefined;

  constructor(options: FlowsOptions) {
    this.#options = options;
  }

  /** Of somebody here. A comment goes up under a key, so that it is shown on its way; a slot, so that it is given once. */
  askHere(local: number, ask: Ask, nowMs: number): void {
    const { standing, rooted, random } = this.#options;
    const keyed = !standing.here && (ask.ask === 'slot' || (ask.ask === 'comment' && rooted()));
    this.#ask({ local }, keyed ? { ...ask, key: Math.floor(random() * 2 ** 53) } : ask, nowMs);
  }

  /** The origin here has carried it out. */
  served(asker: Asker, answer: Answer): void {
    for (const each of this.#grants.served(asker, answer)) this.answer(each, answer);
  }

  answer(asker: Asker, answer: Answer): void {
    const { children, act, room } = this.#options;
    if ('local' in asker) act({ do: 'settle', key: asker.local, answer });
    else if (children.has(asker.peer)) {
      act({ do: 'send', peer: asker.peer, message: { t: 'answer', room, id: asker.id, ...answer } });
    }
  }

  /** A message of a neighbour. */
  take(peer: RelayId, message: Of<'ask' | 'answer' | 'act' | 'comments' | 'reacted'>, nowMs: number): void {
    const { standing, pulls, children, act } = this.#options;
    const fromChild = children.has(peer);
    const fromParent = peer === pulls.parent;
    if (message.t === 'ask' && fromChild) this.#ask({ peer, id: message.id }, askOf(message), nowMs);
    else if (message.t === 'reacted' && fromChild) act({ do: 'reacted', counts: message.counts });
    else if (message.t === 'answer' && fromParent) {
      const asked = this.#asks.answered(message.id);
      if (asked) this.#settle(asked, answerOf(message));
    } else if (message.t === 'comments' && fromParent && !standing.here) {
      act({ do: 'comments', messages: message.messages });
    } else if (message.t === 'act' && fromParent && !standing.here) {
      act({ do: 'act', command: message.command, by: message.by });
      for (const child of children) act({ do: 'send', peer: child, message });
    }
  }

  /** To the parent, as the origin to itself, or to nobody: then this relay may give slots, and the origin has the last word later. */
  pass(nowMs: number): void {
    const { standing, pulls, seeks, act, room } = this.#options;
    // Who looked for no way has not lost one: the time begins when somebody comes.
    const alone = !standing.here && pulls.parent === undefined && seeks(nowMs);
    if (!alone) this.#aloneSinceMs = undefined;
    if (standing.here) this.#serve(this.#asks.takeAll(), nowMs);
    else if (pulls.parent !== undefined) {
      for (const { id, ask } of this.#asks.unsent()) {
        act({ do: 'send', peer: pulls.parent, message: { t: 'ask', room, id, ...ask } });
      }
    } else if (alone && standing.place && !standing.place.closed) {
      this.#aloneSinceMs ??= nowMs;
      if (nowMs - this.#aloneSinceMs >= ALONE_MS) this.#serve(this.#asks.takeSlots(), nowMs);
    }
  }

  parentLost(): void {
    for (const asked of this.#asks.parentLost()) this.#settle(asked, REFUSED);
  }

  childLost(peer: RelayId): void {
    this.#asks.childLost(peer);
  }

  tick(nowMs: number): void {
    for (const asked of this.#asks.late(nowMs)) this.#settle(asked, REFUSED);
  }

  #ask(asker: Asker, ask: Ask, nowMs: number): void {
    const { standing, rooted, act } = this.#options;
    if (standing.here) this.#serve([{ asker, ask }], nowMs);
    else if (!this.#asks.add(asker, ask, nowMs)) this.answer(asker, REFUSED);
    else if (ask.ask === 'comment' && ask.key !== undefined && rooted()) act({ do: 'early', key: ask.key, ask });
  }

  #serve(asked: readonly Asked[], nowMs: number): void {
    for (const { asker, ask } of asked) {
      const given = this.#grants.asked(asker, ask, nowMs);
      if (given === 'wait') continue;
      if (given) this.answer(asker, given);
      else this.#options.act({ do: 'serve', asker, ask });
    }
  }

  #settle({ asker, ask }: Asked, answer: Answer): void {
    if (answer.code !== undefined && ask.ask === 'comment' && ask.key !== undefined)
      this.#options.act({ do: 'retract', key: ask.key });
    this.answer(asker, answer);
  }
}

function askOf({ t: _, room: __, id: ___, ...ask }: Of<'ask'>): Ask {
  return ask;
}

function answerOf({ t: _, room: __, id: ___, code, ...rest }: Of<'answer'>): Answer {
  return code === undefined ? rest : { ...rest, code: code as Code };
}
