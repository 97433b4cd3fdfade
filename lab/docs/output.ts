/** A number that differs from run to run: `~12` in a document stands for any. */
const ABOUT = /~-?\d+(?:\.\d+)?/g;

/**
 * What differs between what a document prints and what came; undefined: nothing. All has to be the same but for numbers that the
 * document marks with `~`: there any number may stand, with as many decimals. White space at the end counts for nothing.
 */
export function differs(printed: string, came: string): string | undefined {
  const [expected, lines] = [linesOf(printed), linesOf(came)];
  for (let at = 0; at < Math.max(expected.length, lines.length); at += 1) {
    const [want, got] = [expected[at], lines[at]];
    if (want === undefined) return `line ${at + 1} is not in the document: ${got}`;
    if (got === undefined) return `line ${at + 1} did not come: ${want}`;
    if (!pattern(want).test(got)) return `line ${at + 1}: the document says "${want}", and "${got}" came`;
  }
  return undefined;
}

function linesOf(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd());
}

function pattern(line: string): RegExp {
  const numbers = [...line.matchAll(ABOUT)].map(([number]) => {
    const decimals = number.split('.')[1]?.length;
    return decimals === undefined ? '-?\\d+' : `-?\\d+\\.\\d{${decimals}}`;
  });
  const between = line.split(ABOUT).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${between.map((part, at) => part + (numbers[at] ?? '')).join('')}$`);
}
