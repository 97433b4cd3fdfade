import { readFile, stat } from 'node:fs/promises';
import { HayateError } from '@hayate/codec/errors';
import type { CommentFilter, FilteredComment, Verdict } from './filter.ts';
import type { CommentCounts } from './types.ts';

const MAX_FILE_BYTES = 1_048_576;
/** The file is looked at again so often, with the next comment. */
const LOOK_MS = 1000;

/**
 * Compatibility forms, case and what cannot be seen make no other word. Upper case first: it unfolds what lower case alone
 * leaves (ß, ſ).
 */
export function normalise(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .toUpperCase()
    .toLowerCase();
}

/** Letters of scripts that put spaces between words, and digits. */
const SPACED = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}]/u;

interface Node {
  next: Map<string, Node>;
  ends: boolean;
}

/**
 * Finds words in a text, in time that does not depend on how many there are. A word that begins or ends with a letter of a
 * spaced script counts only where no such letter goes on; others count anywhere, since Japanese has no spaces.
 */
export class WordList {
  readonly #root: Node = { next: new Map(), ends: false };
  readonly size: number;

  /** @param text a word or phrase a line; empty lines and what begins with # do not count */
  constructor(text: string) {
    const lines = text.split('\n').map((line) => line.trim());
    const words = new Set(lines.filter((line) => line !== '' && !line.startsWith('#')).map(normalise));
    words.delete('');
    for (const word of words) this.#add(word);
    this.size = words.size;
  }

  has(text: string): boolean {
    const characters = [...normalise(text)];
    const spaced = characters.map((each) => SPACED.test(each));
    return characters.some((_, start) => this.#at(characters, spaced, start));
  }

  #at(characters: readonly string[], spaced: readonly boolean[], start: number): boolean {
    if (spaced[start] && spaced[start - 1]) return false;
    let node: Node | undefined = this.#root;
    for (let at = start; at < characters.length; at++) {
      node = node.next.get(characters[at]!);
      if (!node) return false;
      if (node.ends && !(spaced[at] && spaced[at + 1])) return true;
    }
    return false;
  }

  #add(word: string): void {
    let node = this.#root;
    for (const character of word) {
      let next = node.next.get(character);
      if (!next) {
        next = { next: new Map(), ends: false };
        node.next.set(character, next);
      }
      node = next;
    }
    node.ends = true;
  }
}

export interface WordFileOptions {
  file: string;
  nowMs(): number;
  counts: CommentCounts;
  onRead?(words: number): void;
  /** Reading it again failed, and the words before stay. */
  onFailed?(error: unknown): void;
}

/** Refuses comments with a word of a file, which is read again when it changes. */
export class WordFileFilter implements CommentFilter {
  readonly #options: WordFileOptions;
  #words: WordList;
  #seen: string;
  #lookedMs: number;
  #looking: Promise<void> | undefined;

  private constructor(options: WordFileOptions, words: WordList, seen: string) {
    this.#options = options;
    this.#words = words;
    this.#seen = seen;
    this.#lookedMs = options.nowMs();
  }

  /** Rejects with `invalid_argument` for a file that cannot be read. */
  static async open(options: WordFileOptions): Promise<WordFileFilter> {
    const seen = await versionOf(options.file);
    const words = await readWords(options.file);
    options.onRead?.(words.size);
    return new WordFileFilter(options, words, seen);
  }

  async judge({ text }: FilteredComment): Promise<Verdict> {
    if (this.#options.nowMs() - this.#lookedMs >= LOOK_MS) await this.#look();
    const verdict: Verdict = { do: this.#words.has(text) ? 'refuse' : 'allow' };
    this.#options.counts.add('comment_filter', verdict.do === 'refuse' ? 'word' : 'no_word');
    return verdict;
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const { file, nowMs, onRead, onFailed } = this.#options;
    this.#lookedMs = nowMs();
    try {
      const seen = await versionOf(file);
      if (seen === this.#seen) return;
      this.#words = await readWords(file);
      this.#seen = seen;
      onRead?.(this.#words.size);
    } catch (error) {
      onFailed?.(error);
    }
  }
}

/** A file that is replaced within one tick of the clock has another inode. */
async function versionOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read the word list ${file}`, { cause });
  }
}

async function readWords(file: string): Promise<WordList> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new HayateError('invalid_argument', `cannot read the word list ${file}`, { cause });
  }
  if (text.length > MAX_FILE_BYTES) {
    throw new HayateError('invalid_argument', `the word list ${file} is over ${MAX_FILE_BYTES} characters`);
  }
  return new WordList(text);
}
