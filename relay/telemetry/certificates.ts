import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

/** PEM files whose certificates a relay shows, by what they are for. */
export type CertificateFiles = Readonly<Record<string, string>>;

/** When each file's first certificate ends. Reads a file again when it changed. */
export class CertificateExpiries {
  readonly #files: CertificateFiles;
  readonly #known = new Map<string, { mtimeMs: number; seconds: number }>();

  constructor(files: CertificateFiles) {
    this.#files = files;
  }

  /** Seconds since 1970; a file that is not there or no certificate is left out. */
  async read(): Promise<Map<string, number>> {
    const out = new Map<string, number>();
    for (const [use, file] of Object.entries(this.#files)) {
      try {
        const { mtimeMs } = await stat(file);
        let known = this.#known.get(use);
        if (known?.mtimeMs !== mtimeMs) {
          const { validTo } = new X509Certificate(await readFile(file));
          known = { mtimeMs, seconds: Date.parse(validTo) / 1000 };
          this.#known.set(use, known);
        }
        out.set(use, known.seconds);
      } catch {
        // Whoever serves with it says what is wrong with it.
      }
    }
    return out;
  }
}
