import { byId, h } from '../dom.ts';
import { giftsPanel } from '../gifts.ts';
import { lackingNote } from '../lacking.ts';
import { say } from '../language/language.ts';
import type { PageProbe } from '../probe.ts';
import type { PageSession } from '../session.ts';
import type { Stage } from '../stage.ts';
import { commentsPanel } from './comments.ts';
import { RoomMenu } from './menu.ts';
import { peoplePanel } from './people.ts';
import { reactionsBar } from './reactions.ts';
import { type Tab, Tabs } from './tabs.ts';

export interface RoomParts {
  /** First of the tabs. */
  before?: Tab[];
  /** Behind reactions and gifts. */
  bar?: HTMLElement[];
  figures: HTMLElement;
  /** A liver sees gifts and gives none. */
  gives: boolean;
}

/** Puts a page together: the stage, what one does under it, and beside it comments, people and figures. */
export function showRoom({ room }: PageSession, stage: Stage, probe: PageProbe, parts: RoomParts): Tabs {
  const menu = new RoomMenu(room);
  const reactions = reactionsBar(room, probe);
  const gifts = giftsPanel(room, probe, parts.gives);
  stage.element.append(reactions.effects, gifts.effects);
  const people = peoplePanel(room, probe, menu, (total, requests) => {
    tabs.note('people', String(total), requests > 0 ? [String(requests), say((w) => ` ${w.asking}`)] : undefined);
  });
  const lacks = lackingNote(probe.drawing()?.where ?? 'page');
  const tabs = new Tabs(
    say((w) => w.room),
    [
      ...(parts.before ?? []),
      { id: 'chat', label: say((w) => w.chat), panel: commentsPanel(room, probe, menu) },
      { id: 'people', label: say((w) => w.people), panel: people },
      {
        id: 'figures',
        label: say((w) => w.figures),
        panel: h('div', {}, parts.figures, lacks.element),
        onShow: lacks.show,
      },
    ],
  );
  const bar = h('div', { class: 'bar' }, reactions.bar, gifts.panel, ...(parts.bar ?? []));
  byId('main').replaceChildren(h('div', { class: 'front' }, stage.element, bar), tabs.element, menu.element);
  return tabs;
}
