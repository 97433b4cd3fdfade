import { type FileHandle, open } from 'node:fs/promises';
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

/** A disk that stands still must not fill the memory. */
const MOST_WAITING_BYTES = 4 << 20;

/**
 * Appends spans to a file as lines of OTLP JSON, each a request of its own: what the collector's file exporter writes and its
 * `otlpjsonfile` receiver reads. In the file for every reader once written, though not synced. The event loop never waits.
 */
export class SpanFile implements SpanExporter {
  readonly #file: FileHandle;
  #writing: Promise<void> = Promise.resolve();
  #waitingBytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Made for its owner alone. @throws what `open` throws */
  static async open(path: string): Promise<SpanFile> {
    return new SpanFile(await open(path, 'a', 0o600));
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    const json = JsonTraceSerializer.serializeRequest(spans);
    if (!json || this.#waitingBytes > MOST_WAITING_BYTES) {
      done({ code: 1, error: new Error('the disk is too slow') });
      return;
    }
    const line = Buffer.concat([json, Buffer.from('\n')]);
    this.#waitingBytes += line.length;
    this.#writing = this.#writing.then(async () => {
      try {
        // Appended whole: two relays may share a file.
        const { bytesWritten } = await this.#file.write(line);
        if (bytesWritten < line.length) throw new Error('the disk is full');
        done({ code: 0 });
      } catch (error) {
        done({ code: 1, error: error as Error });
      } finally {
        this.#waitingBytes -= line.length;
      }
    });
  }

  async forceFlush(): Promise<void> {
    await this.#writing;
  }

  async shutdown(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }
}
