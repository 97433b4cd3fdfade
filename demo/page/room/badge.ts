import { h } from '../dom.ts';

/** A person's first letter in a colour that is the same on every page. Says nothing: the name stands beside it. */
export function badge(): HTMLElement {
  return h('i', { class: 'badge', 'aria-hidden': 'true' });
}

export function showBadge(element: HTMLElement, subject: string, name: string): void {
  element.textContent = [...name][0]?.toUpperCase() ?? '?';
  element.style.setProperty('--hue', String(hueOf(subject)));
}

function hueOf(subject: string): number {
  let hash = 0;
  for (const character of subject) hash = (hash * 31 + character.codePointAt(0)!) % 360;
  return hash;
}
