import { type Said, say, words } from '../language/language.ts';

/** What a person reads when the relay says no. */
export function explain(error: unknown): string | Said {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  if (code !== undefined && knows(words().refusal, code)) return say((w) => w.refusal[code]);
  return message ?? String(error);
}

/** Why the room ended; undefined for what is told otherwise. */
export function ending(code: string | undefined): Said | undefined {
  return code !== undefined && knows(words().ending, code) ? say((w) => w.ending[code]) : undefined;
}

function knows<T extends object>(texts: T, code: string): code is keyof T & string {
  return Object.hasOwn(texts, code);
}
