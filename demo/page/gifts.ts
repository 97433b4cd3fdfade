import type { Room, RoomGift } from '@hayate/client';
import { type Child, h, put } from './dom.ts';
import { StageEffects } from './effects/stage-effects.ts';
import { language, type Said, say } from './language/language.ts';
import { type PageProbe, report } from './probe.ts';
import { askTicket } from './relay-info.ts';
import { sign } from './room/signs.ts';
import { explain } from './room/words.ts';

const KEPT = 50;

const ITEMS = [
  { item: 'star', amount: 100 },
  { item: 'flower', amount: 300 },
  { item: 'crown', amount: 1000 },
] as const;

type Item = (typeof ITEMS)[number]['item'];

/** In the page's language of now: `¥100`, in Japanese with its own sign. */
function yen(amount: number): string {
  return new Intl.NumberFormat(language(), { style: 'currency', currency: 'JPY' }).format(amount);
}

/** The buttons that give (hidden from who does not), what was given in words, and a layer of effects for the stage. */
export function giftsPanel(room: Room, probe: PageProbe, gives: boolean): { panel: HTMLElement; effects: HTMLElement } {
  const effects = new StageEffects();
  const list = h('ol', { 'aria-live': 'polite', 'aria-label': say((w) => w.gifts) });
  const hint = h('small', { role: 'status' });
  const buttons = ITEMS.map((each) => {
    const text = [
      sign(each.item),
      h(
        'small',
        {},
        say(() => yen(each.amount)),
      ),
    ];
    const label = say((w) => w.give(w.item[each.item], yen(each.amount)));
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
  const give = async ({ item, amount }: (typeof ITEMS)[number]) => {
    if (liver === undefined || who === undefined) return;
    waiting += 1;
    put(
      hint,
      say((w) => w.giving(w.item[item])),
    );
    try {
      // The backend's part, which would take the money first.
      const ticket = await askTicket({ ...who, liver, item, amount });
      await room.gift(ticket);
      probe.giftsGiven += 1;
      if (waiting === 1) put(hint);
    } catch (error) {
      report(probe, error);
      put(hint, explain(error));
    } finally {
      waiting -= 1;
    }
  };

  room.on('gift', (gift) => {
    if (gift.number !== undefined) probe.giftsShown.push(gift.number);
    list.append(h('li', {}, ...account(room, gift)));
    while (list.childElementCount > KEPT) list.firstElementChild?.remove();
    list.scrollTop = list.scrollHeight;
    if (gift.kind === 'gift') {
      const { item, atMs, name, subject } = gift;
      effects.gift(isItem(item) ? item : 'gift', gift.number ?? atMs, h('b', {}, name ?? subject), itemName(item));
    }
  });
  const row = h('div', { class: 'items', role: 'group', 'aria-label': say((w) => w.giveGift) }, ...buttons);
  row.hidden = !gives;
  // The list is for those who listen: others see the effects, and a line among the comments.
  list.classList.add('unseen');
  return { panel: h('section', { class: 'gifts' }, row, hint, list), effects: effects.element };
}

/** In the page's language where it is one of this page's, else by the application's own name. */
export function itemName(item: string): Said {
  return say((w) => (isItem(item) ? w.item[item] : item));
}

function isItem(item: string): item is Item {
  return ITEMS.some((each) => each.item === item);
}

function account(room: Room, { kind, name, subject, item, liver, amount }: RoomGift): Child[] {
  const to = [...room.livers.values()].find((each) => each.subject === liver)?.name ?? liver;
  const what = itemName(item);
  const did = {
    gift: say((w) => w.gaveTo(String(what), to)),
    void: say((w) => w.giftVoid(String(what))),
    refund: say((w) => w.giftRefund(yen(amount))),
  };
  return [h('b', {}, name ?? subject), did[kind]];
}
