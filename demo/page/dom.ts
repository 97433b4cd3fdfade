type Child = Node | string;

/** An element with attributes and children; `on...` keys are listeners. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | boolean | ((event: Event) => void)> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (typeof value === 'boolean') element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
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
export function tell(text: string): void {
  show([text], true);
  clearing = setTimeout(() => show([], true), TOLD_MS);
}

function show(content: readonly Child[], calm: boolean): void {
  clearTimeout(clearing);
  const notice = byId('notice');
  notice.replaceChildren(...content);
  notice.classList.toggle('calm', calm);
  notice.hidden = content.length === 0;
}
