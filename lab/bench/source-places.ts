import { SourceMap, type SourceMapPayload } from 'node:module';

/** Finds the source file of a place in bundled scripts by their source maps. */
export class SourcePlaces {
  readonly #maps = new Map<string, SourceMap>();

  /** Fetches `URL.map` of each; scripts without one stay unknown. */
  async load(urls: readonly string[]): Promise<void> {
    for (const url of urls) {
      const answer = await fetch(`${url}.map`);
      if (answer.ok) this.#maps.set(url, new SourceMap((await answer.json()) as SourceMapPayload));
      else await answer.body?.cancel();
    }
  }

  /** Lines and columns from 0. The script itself when it is not known. */
  find(url: string, line: number, column: number): string {
    const entry = this.#maps.get(url)?.findEntry(line, column);
    return entry && 'originalSource' in entry ? (entry.originalSource ?? url) : url;
  }
}
