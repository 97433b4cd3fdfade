import { Said } from './language/language.ts';
import { liveText, setText } from './language/live-text.ts';

/** What is said by `say` follows the language of the page. */
export type Child = Node | string | Said;

/** An element with attributes and children; `on...` keys are listeners. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | Said | boolean | ((event: Event) => void)> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (typeof value === 'boolean') element.toggleAttribute(name, value);
    else setText(element, name, value);
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children: readonly Child[]): (Node | string)[] {
  return children.map((child) => (child instanceof Said ? liveText(child) : child));
}

/** Replaces what an element holds. */
export function put(element: Element, ...children: Child[]): void {
  element.replaceChildren(...nodes(children));
}

export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page lacks #${id}`);
  return element;
}

let clearing: ReturnType<typeof setTimeout> | undefined;

/** The one line at the foot of the page, for what is wrong. Without content it goes. */
export function notify(...content: Child[]): void {
  show(content, false);
}

const TOLD_MS = 4000;

/** The same line for a while, for what went well or passes. */
export function tell(text: string | Said): void {
  show([text], true);
  clearing = setTimeout(() => show([], true), TOLD_MS);
}

function show(content: readonly Child[], calm: boolean): void {
  clearTimeout(clearing);
  const notice = byId('notice');
  put(notice, ...content);
  notice.classList.toggle('calm', calm);
  notice.hidden = content.length === 0;
}
