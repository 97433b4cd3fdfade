/** Keys, tokens and passwords have more; what a person mistypes has less. */
const MOST_SHOWN = 24;
/** What holds together in a token of any kind: letters, digits, and what base64, JWTs and prefixes put between them. */
const WORD = /[A-Za-z0-9+/_.=~-]{25,}/g;
const PATH_OR_URL = /^\.{0,2}\/|:\/\//;
/** Names of settings, flags and environment variables: words, and nothing that chance makes. */
const NAME =
  /^-{0,2}(?:[a-z]{1,16}(?:[A-Z][a-z]{1,15})*|[A-Z]{1,16})(?:[-_.](?:[a-z]{1,16}(?:[A-Z][a-z]{1,15})*|[A-Z]{1,16}))*$/;

/** A value that stands in the wrong place, for an error's text: somebody may have pasted a secret there. */
export function shown(value: string): string {
  return value.length <= MOST_SHOWN ? value : `[${value.length} characters]`;
}

/**
 * An error's text without what could be a secret in it: every long word but for names, and the long parts of paths and URLs.
 */
export function withoutSecrets(text: string): string {
  const hidden = (word: string) => (NAME.test(word) ? word : shown(word));
  return text.replace(WORD, (word) =>
    PATH_OR_URL.test(word) ? word.replace(/[A-Za-z0-9+_=~-]{25,}/g, hidden) : hidden(word),
  );
}
