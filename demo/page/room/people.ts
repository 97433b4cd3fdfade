import type { Room, RoomMember } from '@hayate/client';
import { h, put } from '../dom.ts';
import { say } from '../language/language.ts';
import { setText } from '../language/live-text.ts';
import { type PageProbe, report } from '../probe.ts';
import { followAccess } from './access.ts';
import { badge, showBadge } from './badge.ts';
import type { RoomMenu } from './menu.ts';
import { explain } from './words.ts';

interface Row {
  element: HTMLElement;
  show(member: RoomMember): void;
}

/** Who is here, and for moderators who asks to speak. `onCount` hears how many they are. */
export function peoplePanel(
  room: Room,
  probe: PageProbe,
  menu: RoomMenu,
  onCount: (total: number, requests: number) => void,
): HTMLElement {
  const counts = h(
    'p',
    { class: 'counts' },
    say((w) => w.nobodyCounted),
  );
  const roomButton = h(
    'button',
    { type: 'button', class: 'quiet', onclick: () => menu.room() },
    say((w) => w.menu.room),
  );
  const hint = h('small', { role: 'alert' });
  const requests = new KeyedList(h('ul', { class: 'requests', 'aria-label': say((w) => w.requestsToSpeak) }), () =>
    requestRow(room, (error) => {
      if (error) report(probe, error);
      put(hint, error ? explain(error) : '');
    }),
  );
  const members = new KeyedList(h('ul', { 'aria-label': say((w) => w.people) }), () => memberRow(room, menu));
  const asking = h(
    'section',
    { 'aria-live': 'polite', hidden: true },
    h(
      'h2',
      {},
      say((w) => w.askingToSpeak),
    ),
    requests.list,
  );

  const show = () => {
    const { presence } = room;
    roomButton.hidden = !menu.allowed;
    if (!presence) return;
    const { total, viewers } = presence;
    probe.people = total;
    const left = total - presence.members.length;
    put(
      counts,
      say((w) => w.counted(total, viewers, left)),
    );
    members.show(presence.members);
    requests.show(presence.requests);
    asking.hidden = presence.requests.length === 0;
    onCount(total, presence.requests.length);
  };
  room.on('presence', show);
  room.on('rules', show);
  followAccess(room, show);
  // Who is live is on their rows.
  room.on('liver', show);
  room.on('left', show);
  return h('section', { class: 'people' }, h('div', { class: 'line' }, counts, roomButton), asking, hint, members.list);
}

/** Rows by subject, kept where they are: a list made anew would take the focus away. */
class KeyedList {
  readonly list: HTMLElement;
  readonly #make: () => Row;
  readonly #rows = new Map<string, Row>();

  constructor(list: HTMLElement, make: () => Row) {
    this.list = list;
    this.#make = make;
  }

  show(members: readonly RoomMember[]): void {
    const present = new Set(members.map(({ subject }) => subject));
    for (const [subject, row] of this.#rows) {
      if (present.has(subject)) continue;
      row.element.remove();
      this.#rows.delete(subject);
    }
    for (const [place, member] of members.entries()) {
      const row = this.#rows.get(member.subject) ?? this.#make();
      this.#rows.set(member.subject, row);
      row.show(member);
      const there = this.list.children[place];
      if (there !== row.element) this.list.insertBefore(row.element, there ?? null);
    }
  }
}

function memberRow(room: Room, menu: RoomMenu): Row {
  let member: RoomMember | undefined;
  let shownMarks = '';
  const sign = badge();
  const name = h('b');
  const marks = h('span', { class: 'marks' });
  const more = h('button', { type: 'button', class: 'more', onclick: () => member && menu.person(member) }, '⋯');
  return {
    element: h('li', {}, sign, h('span', { class: 'who' }, name, marks), more),
    show(now) {
      member = now;
      const { subject, roles, isNew, muted } = now;
      const shown = now.name ?? subject;
      const self = subject === room.welcome?.subject;
      const live = [...room.livers.values()].some((liver) => liver.subject === subject);
      const marked = {
        live,
        host: room.rules?.host === subject,
        moderator: roles.includes('moderator'),
        new: isNew,
        muted,
        you: self,
      };
      const names = (Object.keys(marked) as (keyof typeof marked)[]).filter((each) => marked[each]);
      const text = names.join();
      if (name.textContent !== shown) {
        name.textContent = shown;
        showBadge(sign, subject, shown);
        setText(
          more,
          'aria-label',
          say((w) => w.whatAbout(shown)),
        );
      }
      if (text !== shownMarks) {
        shownMarks = text;
        put(
          marks,
          ...names.map((each) =>
            h(
              'small',
              { class: `mark ${each}` },
              say((w) => w.mark[each]),
            ),
          ),
        );
      }
      more.hidden = self || !menu.allowed;
    },
  };
}

function requestRow(room: Room, onSettled: (error?: unknown) => void): Row {
  let subject = '';
  const name = h('b');
  const act = (how: 'grant' | 'deny') => () => {
    onSettled();
    room.moderate[how](subject).catch(onSettled);
  };
  const allow = h(
    'button',
    { type: 'button', onclick: act('grant') },
    say((w) => w.letSpeak),
  );
  const deny = h(
    'button',
    { type: 'button', class: 'quiet', onclick: act('deny') },
    say((w) => w.notNow),
  );
  return {
    element: h('li', {}, h('span', { class: 'who' }, name), allow, deny),
    show(member) {
      subject = member.subject;
      const shown = member.name ?? subject;
      if (name.textContent === shown) return;
      name.textContent = shown;
      setText(
        allow,
        'aria-label',
        say((w) => w.letNameSpeak(shown)),
      );
      setText(
        deny,
        'aria-label',
        say((w) => w.tellNotNow(shown)),
      );
    },
  };
}
