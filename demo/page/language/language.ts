import { english, type Words } from './english.ts';
import { japanese } from './japanese.ts';

const CATALOGUE = { en: english, ja: japanese } as const satisfies Record<string, Words>;

export type Language = keyof typeof CATALOGUE;

export const LANGUAGES = Object.keys(CATALOGUE) as Language[];

/** A text in whatever language the page has, as often as it changes. */
export class Said {
  readonly #pick: (words: Words) => string;

  constructor(pick: (words: Words) => string) {
    this.#pick = pick;
  }

  toString(): string {
    return this.#pick(words());
  }
}

/** `say((w) => w.send)`: for `h` and `put`, which keep what it shows in the page's language. */
export function say(pick: (words: Words) => string): Said {
  return new Said(pick);
}

let current: Language = 'en';
const listeners = new Set<() => void>();

/** For a text that is used up at once. What stays on the page is said by `say`. */
export function words(): Words {
  return CATALOGUE[current];
}

export function language(): Language {
  return current;
}

export function wordsIn(other: Language): Words {
  return CATALOGUE[other];
}

/** The first of the wanted languages (as `navigator.languages`: `ja-JP`, `en`) that there is; English where there is none. */
export function pickLanguage(remembered: string | null, wanted: readonly string[]): Language {
  const known = [remembered ?? '', ...wanted].map((tag) => tag.split('-', 1)[0]!.toLowerCase());
  return known.find(isLanguage) ?? 'en';
}

function isLanguage(tag: string): tag is Language {
  return Object.hasOwn(CATALOGUE, tag);
}

export function useLanguage(chosen: Language): void {
  current = chosen;
  for (const listener of listeners) listener();
}

/** Calls at each change, for as long as the page lives. */
export function onLanguage(listener: () => void): void {
  listeners.add(listener);
}
