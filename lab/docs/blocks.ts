/** One fenced block of a document. */
export interface Block {
  /** Of the document, as it was given. */
  document: string;
  /** Line of the opening fence, from 1. */
  line: number;
  /** First word after the fence: `ts`, `sh`, `text`. */
  language: string;
  /** Second word: `page` for what runs in a browser. */
  place: string;
  /** What stands between the fences, byte for byte. */
  text: string;
  /** What the first line's comment names: the file that a reader saves this as. */
  file: string | undefined;
  /** Heading above it. */
  heading: string;
}

const NAMED = /^(?:\/\/|#|<!--) ([\w./-]+\.\w+)\b/;

/** Every fenced block, in order. Throws for a fence that is never closed. */
export function blocksOf(document: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string[]; lines: string[] } | undefined;
  let heading = '';
  for (const [at, line] of markdown.split('\n').entries()) {
    if (open === undefined) {
      const [, words] = /^```(.*)$/.exec(line) ?? [];
      if (words !== undefined) open = { line: at + 1, info: words.trim().split(/\s+/), lines: [] };
      heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    } else if (line === '```') {
      const [language = '', place = ''] = open.info;
      const text = `${open.lines.join('\n')}\n`;
      blocks.push({ document, line: open.line, language, place, text, file: NAMED.exec(text)?.[1], heading });
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  if (open) throw new Error(`${document}:${open.line}: a block that does not end`);
  return blocks;
}
