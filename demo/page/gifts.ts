import type { Room, RoomGift } from '@hayate/client';
import { h } from './dom.ts';
import { type PageProbe, report } from './probe.ts';
import { askTicket } from './relay-info.ts';
import { sign } from './room/signs.ts';

const KEPT = 50;
/** As long as the animation in the style sheet. */
const EFFECT_MS = 2600;
/** Effects on the stage at once: more would be a wall. The list has them all. */
const MAX_EFFECTS = 12;

const ITEMS = [
  { item: 'star', label: 'Star', amount: 100 },
  { item: 'flower', label: 'Flower', amount: 300 },
  { item: 'crown', label: 'Crown', amount: 1000 },
] as const;

const yen = new Intl.NumberFormat('en', { style: 'currency', currency: 'JPY' });

/** The buttons that give (hidden from who does not), what was given in words, and a layer of effects for the stage. */
export function giftsPanel(room: Room, probe: PageProbe, gives: boolean): { panel: HTMLElement; effects: HTMLElement } {
  const effects = h('div', { class: 'effects', 'aria-hidden': 'true' });
  const list = h('ol', { 'aria-live': 'polite', 'aria-label': 'Gifts' });
  const hint = h('small', { role: 'status' });
  const buttons = ITEMS.map((each) => {
    const text = [sign(each.item), h('small', {}, yen.format(each.amount))];
    const label = `Give a ${each.label.toLowerCase()}, ${yen.format(each.amount)}`;
    const onclick = () => void give(each);
    return h('button', { type: 'button', class: 'quiet', 'aria-label': label, onclick }, ...text);
  });

  // Over a reconnect both stay as they were: a gift may be given while there is no session.
  let liver: string | undefined;
  let who: { room: string; sub: string } | undefined;
  const target = (subject: string | undefined) => {
    liver = subject;
    for (const button of buttons) button.disabled = subject === undefined;
  };
  const first = () => target(room.livers.values().next().value?.subject);
  room.on('liver', first);
  room.on('left', first);
  room.on('state', ({ state }) => {
    // Its livers follow.
    if (state === 'open') target(undefined);
  });
  first();
  room.ready.then(
    (welcome) => {
      who = { room: welcome.room, sub: welcome.subject };
    },
    () => {},
  );

  let waiting = 0;
  const give = async ({ item, amount, label }: (typeof ITEMS)[number]) => {
    if (liver === undefined || who === undefined) return;
    waiting += 1;
    hint.textContent = `Giving a ${label.toLowerCase()} …`;
    try {
      // The backend's part, which would take the money first.
      const ticket = await askTicket({ ...who, liver, item, amount });
      await room.gift(ticket);
      probe.giftsGiven += 1;
      if (waiting === 1) hint.textContent = '';
    } catch (error) {
      report(probe, error);
      hint.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      waiting -= 1;
    }
  };

  room.on('gift', (gift) => {
    if (gift.number !== undefined) probe.giftsShown.push(gift.number);
    list.append(h('li', {}, ...words(room, gift)));
    while (list.childElementCount > KEPT) list.firstElementChild?.remove();
    list.scrollTop = list.scrollHeight;
    if (gift.kind === 'gift') burst(effects, gift);
  });
  const row = h('div', { class: 'items', role: 'group', 'aria-label': 'Give a gift' }, ...buttons);
  row.hidden = !gives;
  // The list is for those who listen: others see the effects, and a line among the comments.
  list.classList.add('unseen');
  return { panel: h('section', { class: 'gifts' }, row, hint, list), effects };
}

function words(room: Room, { kind, name, subject, item, liver, amount }: RoomGift): (Node | string)[] {
  const to = [...room.livers.values()].find((each) => each.subject === liver)?.name ?? liver;
  const who = h('b', {}, name ?? subject);
  if (kind === 'gift') return [who, ` gave a ${item} to ${to}`];
  return [who, `: ${kind} of ${kind === 'void' ? `a ${item}` : amount}`];
}

function burst(effects: HTMLElement, { item, atMs, name, subject }: RoomGift): void {
  const known = ITEMS.find((each) => each.item === item)?.item ?? 'gift';
  // By the time, so that gifts in a row do not lie on each other.
  const style = `left: ${10 + ((atMs * 37) % 80)}%`;
  const effect = h('div', { class: 'effect', style }, sign(known), h('small', {}, name ?? subject));
  effects.append(effect);
  while (effects.childElementCount > MAX_EFFECTS) effects.firstElementChild?.remove();
  setTimeout(() => effect.remove(), EFFECT_MS);
}
