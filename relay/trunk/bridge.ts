import type { Code, TrunkCommand } from '@hayate/codec/messages';
import type { WrittenComment } from '../comments/types.ts';
import type { Command, RoomAction, RoomEvent, SessionKey } from '../room/types.ts';
import type { Branch } from './branch.ts';
import type { Answer, Ask, Asker, BranchAction, BranchEvent, ToldGift } from './types.ts';

/** What a branch's actions act on. */
export interface BridgePorts {
  nowMs(): number;
  /** To the relay's own room. */
  dispatch(event: RoomEvent): void;
  /** As the origin: takes a comment that another relay has filtered. */
  post(comment: WrittenComment, key: number | undefined): number;
  /** A comment of this relay or one below is on its way to the origin. */
  early(comment: WrittenComment, key: number): void;
  /** The origin gives it no number. */
  retract(key: number): void;
  /** Comments of the origin, encoded. */
  comments(messages: Uint8Array): void;
  /** Of children. */
  reacted(counts: Record<string, number>): void;
  /** A gift that another relay took. */
  gift(gift: ToldGift): void;
  /** A liver at another relay has gone for good. */
  gone(slot: number): void;
  /** After events were carried out. */
  settled(): void;
  /** All that concerns links, media and the directory. */
  carryOut(action: Outward): void;
}

export type Outward = Extract<
  BranchAction,
  { do: 'send' | 'dial' | 'lookup' | 'claim' | 'attach' | 'replay' | 'detach' | 'media' | 'subscribe' | 'authority' }
>;

const OUTWARD: ReadonlySet<BranchAction['do']> = new Set<Outward['do']>([
  ...(['send', 'dial', 'lookup', 'claim', 'attach', 'replay', 'detach', 'media', 'subscribe', 'authority'] as const),
]);

/** Between a relay's room and its branch of the room's tree: each hears what the other decides. */
export class Bridge {
  readonly branch: Branch;
  readonly #ports: BridgePorts;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  /** Slots that the room here is asked for. */
  readonly #allotting = new Map<number, Asker>();
  readonly #queue: BranchEvent[] = [];
  #busy = false;
  #nextKey = 1;

  constructor(branch: Branch, ports: BridgePorts) {
    this.branch = branch;
    this.#ports = ports;
  }

  /** Events that come while another is carried out wait for it: what is sent stays in order. */
  handle(event: BranchEvent): void {
    this.#queue.push(event);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        for (const action of this.branch.handle(next, this.#ports.nowMs())) this.#carryOut(action);
      }
    } finally {
      this.#busy = false;
    }
    this.#ports.settled();
  }

  /** Asks the origin, wherever it is. Resolves always. */
  ask(ask: Ask): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#ask(ask, resolve);
    return promise;
  }

  /** What the room here has decided, as far as it concerns other relays. Before it is carried out. */
  decided(action: RoomAction): void {
    switch (action.do) {
      case 'askSlot': {
        const { session, sub, name } = action;
        this.#ask({ ask: 'slot', sub, ...(name === undefined ? {} : { name }) }, (answer) =>
          this.#slot(session, answer),
        );
        return;
      }
      case 'allotted':
        this.#allotted(action.ask, { slot: action.slot, gen: action.gen });
        return;
      case 'unallotted':
        this.#allotted(action.ask, { code: action.code });
        return;
      case 'evict':
        this.handle({ type: 'evict', slot: action.slot, gen: action.gen });
        return;
      case 'mediaPublish':
        this.handle({ type: 'reserved', slot: action.slot });
        return;
      case 'mediaUnpublish':
        this.handle({ type: 'unreserved', slot: action.slot });
        return;
      case 'liver':
        if (!action.elsewhere) this.handle({ type: 'liver', liver: action.liver });
        return;
      case 'left':
        this.handle({ type: 'left', slot: action.slot, gen: action.gen });
        return;
    }
  }

  /** The room is gone. */
  close(): void {
    for (const resolve of this.#waiting.values()) resolve({ code: 'closed' });
    this.#waiting.clear();
  }

  #ask(ask: Ask, resolve: (answer: Answer) => void): void {
    const key = this.#nextKey++;
    this.#waiting.set(key, resolve);
    this.handle({ type: 'ask', key, ask });
  }

  #slot(session: SessionKey, { code, slot, gen }: Answer): void {
    if (slot !== undefined && gen !== undefined) this.#ports.dispatch({ type: 'granted', session, slot, gen });
    else this.#ports.dispatch({ type: 'ungranted', session, code: code ?? 'overloaded' });
  }

  #allotted(ask: number, answer: Answer): void {
    const asker = this.#allotting.get(ask);
    this.#allotting.delete(ask);
    if (asker) this.handle({ type: 'served', asker, answer });
  }

  #carryOut(action: BranchAction): void {
    const { dispatch, comments, reacted, carryOut } = this.#ports;
    if (isOutward(action)) {
      if (action.do === 'authority') dispatch({ type: 'authority', here: action.here });
      carryOut(action);
      return;
    }
    switch (action.do) {
      case 'liver':
        dispatch({ type: 'remoteLiver', liver: action.liver });
        return;
      case 'left':
        dispatch({ type: 'remoteLeft', slot: action.slot, gen: action.gen, gone: action.gone });
        if (action.gone) this.#ports.gone(action.slot);
        return;
      case 'evict':
        dispatch({ type: 'evicted', slot: action.slot, gen: action.gen });
        return;
      case 'crowd':
        dispatch({ type: 'elsewhere', people: action.people, viewers: action.viewers });
        return;
      case 'serve':
        this.#serve(action.asker, action.ask);
        return;
      case 'settle': {
        const resolve = this.#waiting.get(action.key);
        this.#waiting.delete(action.key);
        resolve?.(action.answer);
        return;
      }
      case 'act':
        this.#act(action.command);
        return;
      case 'gift':
        this.#ports.gift(action.gift);
        return;
      case 'comments':
        comments(action.messages);
        return;
      case 'early': {
        const comment = commentOf(action.ask);
        if (comment) this.#ports.early(comment, action.key);
        return;
      }
      case 'retract':
        this.#ports.retract(action.key);
        return;
      case 'reacted':
        reacted(action.counts);
        return;
    }
  }

  /** As the origin, or for slots without a way to it. */
  #serve(asker: Asker, asked: Ask): void {
    const { ask, sub, key, command } = asked;
    const comment = commentOf(asked);
    const answer = (given: Answer) => this.handle({ type: 'served', asker, answer: given });
    if (ask === 'slot') {
      const id = this.#nextKey++;
      this.#allotting.set(id, asker);
      this.#ports.dispatch({ type: 'allot', ask: id, sub });
    } else if (comment) {
      answer({ n: this.#ports.post(comment, key) });
    } else if (ask === 'moderate' && command !== undefined) {
      this.#act(command);
      // Deletions go with the comments.
      if (command.action !== 'delete') this.handle({ type: 'act', command, by: sub });
      answer({});
    } else {
      answer({ code: 'invalid_argument' satisfies Code });
    }
  }

  #act(command: TrunkCommand): void {
    this.#ports.dispatch({ type: 'moderate', session: 0, id: 0, command: command as Command, relayed: true });
  }
}

/** Undefined: it asks for something else, or lacks what a comment has. */
function commentOf({ ask, sub, name, text, at }: Ask): WrittenComment | undefined {
  if (ask !== 'comment' || text === undefined || at === undefined) return undefined;
  return { sub, ...(name === undefined ? {} : { name }), text, at };
}

function isOutward(action: BranchAction): action is Outward {
  return OUTWARD.has(action.do);
}
