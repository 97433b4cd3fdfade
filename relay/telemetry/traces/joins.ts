import { wallAt, wallMs } from './clock.ts';
import { randomIds, type SpanIds } from './ids.ts';
import type { SpanData, Traces } from './traces.ts';

/** The spans of a share of the joins, docs/operations.md. */
export class JoinTraces {
  readonly #traces: Traces;
  readonly #share: number;
  readonly #random: () => number;

  /** @param share 0 to 1 */
  constructor(traces: Traces, share: number, random = Math.random) {
    this.#traces = traces;
    this.#share = share;
    this.#random = random;
  }

  /** Undefined: not this one. @param arrivedMs when the session came, by `performance.now` */
  begin(arrivedMs: number): JoinTrace | undefined {
    return this.#random() < this.#share ? new JoinTrace(this.#traces, arrivedMs) : undefined;
  }
}

/** One session on its way to its welcome. */
export class JoinTrace {
  readonly ids: SpanIds = randomIds();
  readonly #traces: Traces;
  readonly #startMs: number;
  readonly #steps: Pick<SpanData, 'name' | 'startMs' | 'endMs'>[] = [];
  #stepMs = wallMs();
  #ended = false;

  constructor(traces: Traces, arrivedMs: number) {
    this.#traces = traces;
    this.#startMs = wallAt(arrivedMs);
  }

  /** What began with the step before, or with the token, is done. */
  step(name: 'join.token' | 'join.room'): void {
    const endMs = wallMs();
    this.#steps.push({ name, startMs: this.#stepMs, endMs });
    this.#stepMs = endMs;
  }

  welcomed(room: string): void {
    this.#end({ 'hayate.room': room, 'hayate.result': 'welcome' });
  }

  /** After a welcome it changes nothing. @param code of the protocol's table, or `gone`: the client did not wait for it */
  refused(code: string): void {
    this.#end({ 'hayate.result': 'refused' }, code);
  }

  #end(attributes: NonNullable<SpanData['attributes']>, fault?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const { ids } = this;
    for (const step of this.#steps) this.#traces.span({ ...step, ids: randomIds(ids.traceId), parent: ids });
    this.#traces.span({ name: 'join', ids, kind: 'server', startMs: this.#startMs, attributes, fault });
  }
}
