import { afterEach, describe, expect, it } from 'vitest';
import { english } from './english.ts';
import { japanese } from './japanese.ts';
import { pickLanguage, say, useLanguage, words } from './language.ts';

afterEach(() => useLanguage('en'));

/** Every text of a catalogue with its path; those with arguments called with ones that can be told apart. */
function texts(words: object, path = ''): [path: string, text: string][] {
  return Object.entries(words).flatMap(([name, value]): [string, string][] => {
    const at = path === '' ? name : `${path}.${name}`;
    if (typeof value === 'string') return [[at, value]];
    if (typeof value === 'function') return [[at, String(value(...ARGUMENTS))]];
    return texts(value as object, at);
  });
}

const ARGUMENTS = [7331, 7332, 7333];
const argumentsIn = (text: string) => ARGUMENTS.filter((each) => text.includes(String(each)));

describe('the catalogue', () => {
  const both = new Map(texts(english).map(([path, text]) => [path, [text] as string[]]));
  for (const [path, text] of texts(japanese)) both.get(path)?.push(text);

  it('has the same texts in both languages', () => {
    expect([...both].filter(([, each]) => each.length !== 2)).toEqual([]);
    expect(texts(japanese)).toHaveLength(both.size);
  });

  it('says in each language all that it is told', () => {
    const lost = [...both].filter(
      ([, [en, ja]]) => argumentsIn(en!).join() !== argumentsIn(ja!).toSorted().join() && argumentsIn(en!).length > 0,
    );
    expect(lost).toEqual([]);
  });

  it('is Japanese in Japanese', () => {
    const kana = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u;
    const foreign = [...both].filter(([, [en, ja]]) => /[a-z]/.test(en!) && !kana.test(ja!));
    expect(foreign).toEqual([]);
    // The check can fail.
    expect(kana.test('Send')).toBe(false);
  });
});

describe('which language', () => {
  it.each<[string | null, string[], string]>([
    [null, ['ja-JP', 'en'], 'ja'],
    [null, ['fr', 'JA'], 'ja'],
    [null, ['en-GB', 'ja'], 'en'],
    [null, ['fr-FR'], 'en'],
    [null, [], 'en'],
    ['ja', ['en'], 'ja'],
    ['klingon', ['ja'], 'ja'],
    ['constructor', ['en'], 'en'],
  ])('remembered %s, the browser wants %s: %s', (remembered, wanted, chosen) => {
    expect(pickLanguage(remembered, wanted)).toBe(chosen);
  });

  it('a text follows the language', () => {
    const said = say((w) => w.send);
    expect(String(said)).toBe('Send');
    useLanguage('ja');
    expect(String(said)).toBe('送信');
    expect(words()).toBe(japanese);
  });
});
