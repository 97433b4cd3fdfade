import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface Part {
  /** `zod@4.6.7 (npm)`. */
  title: string;
  license: string | undefined;
  folder: string;
}

/** Licence texts of all parts, each text once, with whom it is of. Parts that ship no text are named with their licence. */
export function licenceTexts(parts: readonly Part[]): string {
  const texts = new Map<string, string[]>();
  const without: string[] = [];
  for (const { title, license, folder } of parts) {
    const files = existsSync(folder)
      ? readdirSync(folder)
          .filter(
            (name) => /^(licen[cs]e|notice|copying|unlicense)/i.test(name) && statSync(join(folder, name)).isFile(),
          )
          .sort()
      : [];
    if (files.length === 0) without.push(`${title}: ${license ?? 'unknown'}`);
    for (const file of files) {
      const text = readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim();
      texts.set(text, [...(texts.get(text) ?? []), `${title}: ${license ?? file}`]);
    }
  }
  const rule = '='.repeat(79);
  return [
    'Software of others in this archive, with its licences.',
    ...[...texts].map(([text, titles]) => `${rule}\n${[...new Set(titles)].join('\n')}\n${rule}\n\n${text}`),
    ...(without.length > 0
      ? [`${rule}\nWithout a text of their own, under the licence that they name\n${rule}\n\n${without.join('\n')}`]
      : []),
    '',
  ].join('\n\n');
}
