import type { Room, RoomComment, RoomMember } from '@hayate/client';
import { h, tell } from '../dom.ts';
import { explain } from './words.ts';

type Person = Pick<RoomMember, 'subject' | 'name'>;

/** Seconds by their name; an empty one is for ever. */
const MUTES = { '10 minutes': 600, '1 hour': 3600, 'as long as the room lives': undefined };
const BANS = { '1 hour': 3600, '1 day': 86_400, 'for ever': undefined };
const SLOWS = { '5 seconds': 5, '15 seconds': 15, '1 minute': 60 };

interface Act {
  label: string;
  /** A choice beside the button; its value goes to `run`. */
  choice?: { label: string; values: Record<string, number | undefined> };
  /** Cannot be taken back: asks once more. */
  grave?: boolean;
  run(choice: number | undefined): Promise<void>;
  /** Shown when it is done. */
  done: string;
}

/**
 * What a moderator may do to a person, a comment or the room. A modal dialog: the browser keeps the focus inside, Escape
 * closes it, and the focus goes back to where it was.
 */
export class RoomMenu {
  readonly element: HTMLDialogElement;
  readonly #room: Room;
  readonly #title = h('h2', { id: 'menu-title' });
  readonly #quote = h('blockquote');
  readonly #acts = h('div', { class: 'acts' });
  readonly #failure = h('p', { role: 'alert' });

  constructor(room: Room) {
    this.#room = room;
    const close = h('button', { type: 'button', class: 'quiet', onclick: () => this.element.close() }, 'Close');
    const attributes = {
      class: 'menu',
      'aria-labelledby': 'menu-title',
      onclick: (event: Event) => this.#outside(event),
    };
    this.element = h(
      'dialog',
      attributes,
      h('div', { class: 'body' }, this.#title, this.#quote, this.#acts, this.#failure, close),
    );
  }

  get allowed(): boolean {
    return this.#room.permissions.has('moderate');
  }

  person(person: Person): void {
    this.#open(person.name ?? person.subject, this.#aboutPerson(person));
  }

  comment({ number, subject, name, text }: RoomComment): void {
    const { moderate } = this.#room;
    const remove: Act[] = [];
    // It has none for a moment in a cluster.
    if (number !== undefined) {
      remove.push({
        label: 'Delete comment',
        run: () => moderate.deleteComment(number),
        done: 'Comment deleted.',
      });
    }
    const person = subject === this.#room.welcome?.subject ? [] : this.#aboutPerson({ subject, ...(name && { name }) });
    this.#open(name ?? subject, [...remove, ...person], text);
  }

  room(): void {
    const { moderate, rules } = this.#room;
    const slow: Act = {
      label: 'Slow mode',
      choice: { label: 'Between two comments', values: SLOWS },
      run: (seconds = 0) => moderate.slow(seconds),
      done: 'Slow mode is on.',
    };
    const fast: Act = { label: 'End slow mode', run: () => moderate.slow(0), done: 'Slow mode is off.' };
    const close: Act = {
      label: 'Close the room',
      grave: true,
      run: () => moderate.close(),
      done: 'The room is closed.',
    };
    this.#open('This room', [...((rules?.slowSeconds ?? 0) > 0 ? [fast] : []), slow, close]);
  }

  #aboutPerson({ subject, name = subject }: Person): Act[] {
    const { moderate, presence, livers } = this.#room;
    const known = presence?.members.find((member) => member.subject === subject);
    const asks = presence?.requests.some((member) => member.subject === subject);
    // Livers and moderators do not send each other out: the relay would refuse.
    const equal = known?.roles.some((role) => role !== 'viewer') === true;
    const guest = !equal && [...livers.values()].some((liver) => liver.subject === subject);
    const acts: (Act | undefined | false)[] = [
      asks && { label: 'Let speak', run: () => moderate.grant(subject), done: `${name} may speak.` },
      asks && { label: 'Not now', run: () => moderate.deny(subject), done: `${name} was told: not now.` },
      guest && { label: 'Take the seat back', run: () => moderate.unseat(subject), done: `${name} listens again.` },
      equal
        ? undefined
        : known?.muted
          ? { label: 'Unmute', run: () => moderate.unmute(subject), done: `${name} may write again.` }
          : {
              label: 'Mute',
              choice: { label: 'Mute for', values: MUTES },
              run: (seconds) => moderate.mute(subject, seconds === undefined ? {} : { seconds }),
              done: `${name} is muted.`,
            },
      {
        label: 'Delete all comments',
        run: () => moderate.deleteCommentsOf(subject),
        done: `The comments of ${name} are gone.`,
      },
      !equal && { label: 'Send out', run: () => moderate.kick(subject), done: `${name} was sent out.` },
      !equal && {
        label: 'Ban',
        grave: true,
        choice: { label: 'Ban for', values: BANS },
        run: (seconds) => moderate.ban(subject, seconds === undefined ? {} : { seconds }),
        done: `${name} is banned.`,
      },
      known && {
        label: 'Hand the room over',
        grave: true,
        run: () => moderate.handOver(subject),
        done: `${name} has the room now.`,
      },
    ];
    return acts.filter((act): act is Act => Boolean(act));
  }

  #open(title: string, acts: readonly Act[], quote = ''): void {
    this.#title.textContent = title;
    this.#quote.textContent = quote;
    this.#quote.hidden = quote === '';
    this.#failure.textContent = '';
    this.#acts.replaceChildren(...acts.map((act) => this.#row(act)));
    if (!this.element.open) this.element.showModal();
  }

  #row({ label, choice, grave = false, run, done }: Act): HTMLElement {
    const values = Object.entries(choice?.values ?? {});
    const select =
      choice && h('select', { 'aria-label': choice.label }, ...values.map(([name]) => h('option', {}, name)));
    let sure = !grave;
    const button = h('button', { type: 'button', class: grave ? 'grave' : 'quiet' }, label);
    button.addEventListener('click', () => {
      if (sure) {
        const [, seconds] = values[select?.selectedIndex ?? 0] ?? [];
        void this.#do(() => run(seconds), done);
        return;
      }
      sure = true;
      button.textContent = `${label}: sure?`;
    });
    button.addEventListener('blur', () => {
      sure = !grave;
      button.textContent = label;
    });
    return h('div', {}, button, ...(select ? [select] : []));
  }

  async #do(run: () => Promise<void>, done: string): Promise<void> {
    this.#failure.textContent = '';
    this.#acts.inert = true;
    try {
      await run();
      this.element.close();
      tell(done);
    } catch (error) {
      this.#failure.textContent = explain(error);
    } finally {
      this.#acts.inert = false;
    }
  }

  /** The dialog's own box is its backdrop too: what it holds fills it. */
  #outside(event: Event): void {
    if (event.target === this.element) this.element.close();
  }
}
