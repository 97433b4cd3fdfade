import type { Room, RoomComment, RoomMember } from '@hayate/client';
import { h, put, tell } from '../dom.ts';
import { type Said, say } from '../language/language.ts';
import { explain } from './words.ts';

type Person = Pick<RoomMember, 'subject' | 'name'>;

type Choices = readonly (readonly [name: Said, seconds: number | undefined])[];

const minutes = (count: number) => [say((w) => w.menu.minutes(count)), count * 60] as const;
const hours = (count: number) => [say((w) => w.menu.hours(count)), count * 3600] as const;
const days = (count: number) => [say((w) => w.menu.days(count)), count * 86_400] as const;
const seconds = (count: number) => [say((w) => w.menu.seconds(count)), count] as const;

const MUTES: Choices = [minutes(10), hours(1), [say((w) => w.menu.roomLives), undefined]];
const BANS: Choices = [hours(1), days(1), [say((w) => w.menu.forEver), undefined]];
const SLOWS: Choices = [seconds(5), seconds(15), minutes(1)];

interface Act {
  label: Said;
  /** A choice beside the button; its value goes to `run`. */
  choice?: { label: Said; values: Choices };
  /** Cannot be taken back: asks once more. */
  grave?: boolean;
  run(choice: number | undefined): Promise<void>;
  /** Shown when it is done. */
  done: Said;
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
    const close = h(
      'button',
      { type: 'button', class: 'quiet', onclick: () => this.element.close() },
      say((w) => w.close),
    );
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
        label: say((w) => w.menu.deleteComment),
        run: () => moderate.deleteComment(number),
        done: say((w) => w.menu.commentDeleted),
      });
    }
    const person = subject === this.#room.welcome?.subject ? [] : this.#aboutPerson({ subject, ...(name && { name }) });
    this.#open(name ?? subject, [...remove, ...person], text);
  }

  room(): void {
    const { moderate, rules } = this.#room;
    const slow: Act = {
      label: say((w) => w.menu.slowMode),
      choice: { label: say((w) => w.menu.betweenComments), values: SLOWS },
      run: (seconds = 0) => moderate.slow(seconds),
      done: say((w) => w.menu.slowIsOn),
    };
    const fast: Act = {
      label: say((w) => w.menu.endSlow),
      run: () => moderate.slow(0),
      done: say((w) => w.menu.slowIsOff),
    };
    const close: Act = {
      label: say((w) => w.menu.closeRoom),
      grave: true,
      run: () => moderate.close(),
      done: say((w) => w.menu.roomClosed),
    };
    this.#open(
      say((w) => w.menu.thisRoom),
      [...((rules?.slowSeconds ?? 0) > 0 ? [fast] : []), slow, close],
    );
  }

  #aboutPerson({ subject, name = subject }: Person): Act[] {
    const { moderate, presence, livers } = this.#room;
    const known = presence?.members.find((member) => member.subject === subject);
    const asks = presence?.requests.some((member) => member.subject === subject);
    // Livers and moderators do not send each other out: the relay would refuse.
    const equal = known?.roles.some((role) => role !== 'viewer') === true;
    const guest = !equal && [...livers.values()].some((liver) => liver.subject === subject);
    const acts: (Act | undefined | false)[] = [
      asks && {
        label: say((w) => w.letSpeak),
        run: () => moderate.grant(subject),
        done: say((w) => w.menu.maySpeak(name)),
      },
      asks && {
        label: say((w) => w.notNow),
        run: () => moderate.deny(subject),
        done: say((w) => w.menu.toldNotNow(name)),
      },
      guest && {
        label: say((w) => w.menu.takeSeat),
        run: () => moderate.unseat(subject),
        done: say((w) => w.menu.listensAgain(name)),
      },
      equal
        ? undefined
        : known?.muted
          ? {
              label: say((w) => w.menu.unmute),
              run: () => moderate.unmute(subject),
              done: say((w) => w.menu.mayWrite(name)),
            }
          : {
              label: say((w) => w.menu.mute),
              choice: { label: say((w) => w.menu.muteFor), values: MUTES },
              run: (seconds) => moderate.mute(subject, seconds === undefined ? {} : { seconds }),
              done: say((w) => w.menu.isMuted(name)),
            },
      {
        label: say((w) => w.menu.deleteAll),
        run: () => moderate.deleteCommentsOf(subject),
        done: say((w) => w.menu.allDeleted(name)),
      },
      !equal && {
        label: say((w) => w.menu.sendOut),
        run: () => moderate.kick(subject),
        done: say((w) => w.menu.wasSentOut(name)),
      },
      !equal && {
        label: say((w) => w.menu.ban),
        grave: true,
        choice: { label: say((w) => w.menu.banFor), values: BANS },
        run: (seconds) => moderate.ban(subject, seconds === undefined ? {} : { seconds }),
        done: say((w) => w.menu.isBanned(name)),
      },
      known && {
        label: say((w) => w.menu.handOver),
        grave: true,
        run: () => moderate.handOver(subject),
        done: say((w) => w.menu.hasRoom(name)),
      },
    ];
    return acts.filter((act): act is Act => Boolean(act));
  }

  #open(title: string | Said, acts: readonly Act[], quote = ''): void {
    put(this.#title, title);
    this.#quote.textContent = quote;
    this.#quote.hidden = quote === '';
    put(this.#failure);
    this.#acts.replaceChildren(...acts.map((act) => this.#row(act)));
    if (!this.element.open) this.element.showModal();
  }

  #row({ label, choice, grave = false, run, done }: Act): HTMLElement {
    const values = choice?.values ?? [];
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
      put(
        button,
        say((w) => w.menu.sure(String(label))),
      );
    });
    button.addEventListener('blur', () => {
      sure = !grave;
      put(button, label);
    });
    return h('div', {}, button, ...(select ? [select] : []));
  }

  async #do(run: () => Promise<void>, done: Said): Promise<void> {
    put(this.#failure);
    this.#acts.inert = true;
    try {
      await run();
      this.element.close();
      tell(done);
    } catch (error) {
      put(this.#failure, explain(error));
    } finally {
      this.#acts.inert = false;
    }
  }

  /** The dialog's own box is its backdrop too: what it holds fills it. */
  #outside(event: Event): void {
    if (event.target === this.element) this.element.close();
  }
}
