import type { Room } from '@hayate/client';
import { h } from '../dom.ts';
import { say } from '../language/language.ts';
import type { PageProbe } from '../probe.ts';
import { followAccess } from './access.ts';
import { isSign, type Sign, sign } from './signs.ts';

/** Each is its picture too. */
const KINDS = ['heart', 'clap', 'smile', 'wow', 'sparkle'] as const satisfies Sign[];

/** As long as the animation in the style sheet. */
const RISE_MS = 2400;
/** On the stage at once. More would be a wall; what is left out is only decoration. */
const MAX_SIGNS = 24;
/** Of one kind in one message: many hands look like some. */
const MAX_AT_ONCE = 5;
/** Reactions of 200 ms come together: they rise one after the other. */
const SPREAD_MS = 200;

/** The buttons that react, and what rises on the stage when anybody does. */
export function reactionsBar(room: Room, probe: PageProbe): { bar: HTMLElement; effects: HTMLElement } {
  const effects = h('div', { class: 'effects reactions', 'aria-hidden': 'true' });
  const buttons = KINDS.map((kind) =>
    h(
      'button',
      { type: 'button', 'aria-label': say((w) => w.reaction[kind]), onclick: () => room.react(kind) },
      sign(kind),
    ),
  );
  followAccess(room, (permissions) => {
    for (const button of buttons) button.disabled = !permissions.has('react');
  });
  room.on('reactions', ({ counts }) => {
    for (const [kind, count] of Object.entries(counts)) {
      probe.reactions += count;
      // Kinds of other applications.
      const shown = isSign(kind) ? kind : 'sparkle';
      for (let n = 0; n < Math.min(count, MAX_AT_ONCE); n++) rise(effects, shown);
    }
  });
  return { bar: h('div', { class: 'reacts', role: 'group', 'aria-label': say((w) => w.react) }, ...buttons), effects };
}

function rise(effects: HTMLElement, kind: Sign): void {
  if (effects.childElementCount >= MAX_SIGNS) return;
  const style = `right: ${4 + Math.random() * 18}%; animation-delay: ${Math.round(Math.random() * SPREAD_MS)}ms; --sway: ${(Math.random() * 2 - 1).toFixed(2)}`;
  const element = h('span', { class: 'rising', style }, sign(kind));
  effects.append(element);
  setTimeout(() => element.remove(), RISE_MS + SPREAD_MS);
}
