import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Planted } from './planted.ts';

/** So many characters in a row are a find: error texts of parsers show up to ten of what they could not read. */
const WINDOW = 12;

/** Finds pieces of secrets in what programs said, as they are, in a URL's escapes, or in base64. */
export class SecretSearch {
  readonly #windows = new Map<string, string>();

  constructor(secrets: readonly Planted[]) {
    for (const { name, text } of secrets) {
      // The head of a JWT is the same for all of a kind, and says nothing.
      const own = /^eyJ[\w-]+\./.test(text) ? text.slice(text.indexOf('.') + 1) : text;
      for (const form of [own, encodeURIComponent(own), Buffer.from(own).toString('base64')]) {
        for (let at = 0; at + WINDOW <= form.length; at += 1) this.#windows.set(form.slice(at, at + WINDOW), name);
      }
    }
  }

  /** Names of those that are in it. */
  in(text: string): string[] {
    const found = new Set<string>();
    for (let at = 0; at + WINDOW <= text.length; at += 1) {
      const name = this.#windows.get(text.slice(at, at + WINDOW));
      if (name !== undefined) found.add(name);
    }
    return [...found];
  }
}

/** Every file below a folder but those that are the secrets' own; bytes as characters. */
export function filesBelow(folder: string, own: readonly string[]): { path: string; text: string }[] {
  const names = readdirSync(folder, { recursive: true }) as string[];
  return names
    .map((name) => join(folder, name))
    .filter((path) => !own.includes(path) && statSync(path).isFile())
    .map((path) => ({ path, text: readFileSync(path, 'latin1') }));
}
