import type { CommentsDeleted, HayateError, Room, RoomComment } from '@hayate/client';
import { h, put } from '../dom.ts';
import { itemName } from '../gifts.ts';
import { type Said, say } from '../language/language.ts';
import { setText } from '../language/live-text.ts';
import { type PageProbe, report } from '../probe.ts';
import { followAccess } from './access.ts';
import { badge, showBadge } from './badge.ts';
import type { RoomMenu } from './menu.ts';
import { explain } from './words.ts';

const KEPT = 200;
/** Closer to the end than this counts as reading along, px. */
const AT_END_PX = 48;
/** The comments of before must not be read out one by one. */
const QUIET_MS = 1500;

interface Entry {
  comment: RoomComment;
  item: HTMLElement;
}

/** What was said in the room, and the line to say something. */
export function commentsPanel(room: Room, probe: PageProbe, menu: RoomMenu): HTMLElement {
  const log = new CommentLog(room, menu);
  const input = h('input', {
    ...{ type: 'text', maxlength: '500' },
    placeholder: say((w) => w.saySomething),
    'aria-label': say((w) => w.comment),
  });
  const button = h(
    'button',
    { type: 'submit' },
    say((w) => w.send),
  );
  const hint = h('small', { role: 'alert' });
  const send = async () => {
    const text = input.value.trim();
    if (text === '') return;
    button.disabled = true;
    put(hint);
    try {
      await room.comment(text);
      input.value = '';
    } catch (error) {
      report(probe, error);
      const { code } = error as HayateError;
      const seconds = room.rules?.slowSeconds ?? 0;
      put(hint, code === 'slow_mode' && seconds > 0 ? say((w) => w.slowModeSeconds(seconds)) : explain(error));
    } finally {
      button.disabled = !room.permissions.has('comment');
      input.focus();
    }
  };
  followAccess(room, (permissions) => {
    input.disabled = !permissions.has('comment');
    button.disabled = input.disabled;
  });
  room.on('rules', ({ slowSeconds }) => {
    setText(
      input,
      'placeholder',
      say((w) => (slowSeconds > 0 ? w.saySomethingSlowly(slowSeconds) : w.saySomething)),
    );
  });
  room.on('comment', (comment) => {
    probe.comments += 1;
    log.comment(comment);
  });
  room.on('missed', ({ count }) => {
    probe.missed += count;
    log.line(
      'gap',
      say((w) => w.leftOut(count)),
    );
  });
  room.on('comment_placed', ({ key, number }) => log.placed(key, number));
  room.on('deleted', (deleted) => log.remove(deleted));
  room.on('gift', ({ kind, name, subject, item }) => {
    if (kind === 'gift')
      log.line(
        'given',
        say((w) => w.gave(name ?? subject, String(itemName(item)))),
        true,
      );
  });
  room.on('presence', ({ entered }) => {
    // For who greets them.
    if (!menu.allowed) return;
    for (const { isNew, name, subject } of entered)
      if (isNew)
        log.line(
          'came',
          say((w) => w.firstTime(name ?? subject)),
        );
  });
  const submit = (event: Event) => {
    event.preventDefault();
    void send();
  };
  return h(
    'section',
    { class: 'comments' },
    log.element,
    h('form', { class: 'line', onsubmit: submit }, input, button),
    hint,
  );
}

/** The list. It follows its end unless the reader has scrolled up. */
class CommentLog {
  readonly element: HTMLElement;
  readonly #room: Room;
  readonly #menu: RoomMenu;
  readonly #list = h('ol');
  /** What scrolls, and what is read out. A list of its own inside, or its lines would belong to none. */
  readonly #lines = h(
    'div',
    { class: 'lines', role: 'log', 'aria-live': 'off', 'aria-label': say((w) => w.comments), tabindex: '0' },
    this.#list,
  );
  readonly #newer = h(
    'button',
    { type: 'button', class: 'newer', hidden: true, onclick: () => this.#toEnd() },
    '↓ ',
    say((w) => w.newer),
  );
  /** Oldest first. */
  readonly #entries = new Set<Entry>();
  #reading = false;

  constructor(room: Room, menu: RoomMenu) {
    this.#room = room;
    this.#menu = menu;
    this.element = h('div', { class: 'log' }, this.#lines, this.#newer);
    this.#lines.addEventListener('scroll', () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#lines;
      this.#reading = scrollHeight - scrollTop - clientHeight > AT_END_PX;
      if (!this.#reading) this.#newer.hidden = true;
    });
    // Its height changes with the window, the tabs, and the keyboard of a phone.
    new ResizeObserver(() => {
      if (!this.#reading) this.#toEnd();
    }).observe(this.#lines);
    followAccess(room, (permissions) => this.#list.classList.toggle('moderated', permissions.has('moderate')));
    room.ready.then(
      () => setTimeout(() => this.#lines.setAttribute('aria-live', 'polite'), QUIET_MS),
      () => {},
    );
  }

  comment(said: RoomComment): void {
    // Its number may come later.
    const comment = { ...said };
    const { subject, name = subject, text } = comment;
    const own = subject === this.#room.welcome?.subject;
    const live = [...this.#room.livers.values()].some((liver) => liver.subject === subject);
    const more = h(
      'button',
      {
        type: 'button',
        class: 'more',
        'aria-label': say((w) => w.aboutComment(name)),
        onclick: () => this.#menu.comment(comment),
      },
      '⋯',
    );
    const kind = [own && 'own', live && 'live'].filter(Boolean).join(' ');
    const from = badge();
    showBadge(from, subject, name);
    const item = h('li', { class: `said ${kind}` }, from, h('span', {}, h('b', {}, name), text), more);
    this.#entries.add({ comment, item });
    this.#append(item);
  }

  /** What is no comment. `seen`: said elsewhere to those who listen. */
  line(kind: string, text: Said, seen = false): void {
    this.#append(h('li', { class: kind, ...(seen && { 'aria-hidden': 'true' }) }, text));
  }

  placed(key: number, number: number): void {
    for (const { comment } of this.#entries) if (comment.key === key) comment.number = number;
  }

  remove({ numbers, keys, subject }: CommentsDeleted): void {
    for (const entry of this.#entries) {
      const { comment, item } = entry;
      const gone =
        comment.subject === subject ||
        (comment.number === undefined ? keys.includes(comment.key!) : numbers.includes(comment.number));
      if (!gone) continue;
      item.remove();
      this.#entries.delete(entry);
    }
  }

  #append(item: HTMLElement): void {
    this.#list.append(item);
    while (this.#list.childElementCount > KEPT) this.#list.firstElementChild?.remove();
    const [oldest] = this.#entries;
    if (this.#entries.size > KEPT && oldest) this.#entries.delete(oldest);
    if (this.#reading) this.#newer.hidden = false;
    else this.#toEnd();
  }

  #toEnd(): void {
    this.#reading = false;
    this.#newer.hidden = true;
    this.#lines.scrollTop = this.#lines.scrollHeight;
  }
}
