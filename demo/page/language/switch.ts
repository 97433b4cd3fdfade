import { h } from '../dom.ts';
import { LANGUAGES, language, onLanguage, pickLanguage, say, useLanguage, wordsIn } from './language.ts';
import { setText } from './live-text.ts';

const KEY = 'hayate.language';

/** Some browsers refuse to remember anything, by throwing. */
function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Chooses the page's language: the one chosen here before, else the browser's. Before anything is said. */
export function startLanguage(): void {
  onLanguage(() => {
    document.documentElement.lang = language();
  });
  useLanguage(pickLanguage(remembered(), navigator.languages));
}

/** Changes to the next language and remembers it. Says where it leads, in that language. */
export function languageButton(): HTMLElement {
  const next = () => LANGUAGES[(LANGUAGES.indexOf(language()) + 1) % LANGUAGES.length]!;
  const onclick = () => {
    const chosen = next();
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // Then for this visit.
    }
    useLanguage(chosen);
  };
  const button = h(
    'button',
    { type: 'button', class: 'quiet', onclick },
    say(() => wordsIn(next()).language),
  );
  setText(button, 'lang', say(next));
  return button;
}
