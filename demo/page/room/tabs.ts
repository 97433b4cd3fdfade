import { h, put } from '../dom.ts';
import type { Said } from '../language/language.ts';

export interface Tab {
  id: string;
  label: string | Said;
  panel: HTMLElement;
  /** Each time it comes to the front. */
  onShow?: () => void;
}

/** Panels of which one shows. Arrow keys, Home and End move between the tabs. */
export class Tabs {
  readonly element: HTMLElement;
  readonly #tabs = new Map<
    string,
    { button: HTMLButtonElement; note: HTMLElement; panel: HTMLElement; onShow?: () => void }
  >();

  constructor(label: Said, tabs: readonly Tab[]) {
    const list = h('div', {
      class: 'tabs',
      role: 'tablist',
      'aria-label': label,
      onkeydown: (event) => this.#key(event),
    });
    this.element = h('aside', {}, list);
    for (const { id, label: name, panel, onShow } of tabs) {
      const note = h('small');
      const attributes = { type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': `panel-${id}` };
      const button = h('button', { ...attributes, onclick: () => this.show(id) }, name, note);
      const shown = h(
        'div',
        { class: 'panel', id: `panel-${id}`, role: 'tabpanel', 'aria-labelledby': `tab-${id}` },
        panel,
      );
      this.#tabs.set(id, { button, note, panel: shown, ...(onShow && { onShow }) });
      list.append(button);
      this.element.append(shown);
    }
    const [first] = tabs;
    if (first) this.show(first.id);
  }

  show(id: string): void {
    for (const [other, { button, panel }] of this.#tabs) {
      const shown = other === id;
      button.setAttribute('aria-selected', String(shown));
      button.tabIndex = shown ? 0 : -1;
      panel.hidden = !shown;
    }
    this.#tabs.get(id)?.onShow?.();
  }

  /** A count behind the name, and what asks for attention: what shows of it, and what is added for who listens. */
  note(id: string, text: string, attention?: readonly [shown: string | Said, more: string | Said]): void {
    const note = this.#tabs.get(id)?.note;
    if (!note) return;
    const [shown, more] = attention ?? [];
    put(note, text, ...(shown ? [h('em', {}, shown, h('span', { class: 'unseen' }, more ?? ''))] : []));
  }

  #key(event: Event): void {
    const { key } = event as KeyboardEvent;
    const ids = [...this.#tabs.keys()];
    const at = ids.findIndex((id) => this.#tabs.get(id)?.button === document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + ids.length, Home: 0, End: ids.length - 1 }[key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const id = ids[to % ids.length]!;
    this.show(id);
    this.#tabs.get(id)?.button.focus();
  }
}
