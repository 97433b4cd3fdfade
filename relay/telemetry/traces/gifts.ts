import type { Attributes } from '@opentelemetry/api';
import type { GiftTicket, LedgerRecord, Receipt } from '../../ledger/index.ts';
import { wallMs } from './clock.ts';
import { idsOf, randomIds, type SpanIds, traceparentOf } from './ids.ts';
import type { SpanData, Traces } from './traces.ts';

/** What a record's spans are about. */
type Of = Pick<LedgerRecord, 'kind' | 'key' | 'reg' | 'room' | 'gift'>;

/** How a relay heard of a gift that it shows. */
export type HeardFrom = 'giver' | 'relay' | 'ledger';

/**
 * The first span of a gift's trace, or of the trace of what takes it back. A `jti` is claimed once in its region, for ever, so
 * that each relay knows it from the ticket or the record.
 */
export function giftIds({ kind, key, reg }: Pick<Of, 'kind' | 'key' | 'reg'>): SpanIds {
  return idsOf('gift', kind, reg, key);
}

/** The spans of gifts, docs/operations.md. No attribute tells who gave what to whom. */
export class GiftTraces {
  readonly #traces: Traces;

  constructor(traces: Traces) {
    this.#traces = traces;
  }

  /** A ticket came. @param from a session of this relay, or a relay of another region */
  submit(from: 'session' | 'relay'): Submission {
    return new Submission(this.#traces, from);
  }

  /** It was handed to viewers of this relay. */
  shown(record: Of, from: HeardFrom, viewers: number, startMs: number): void {
    const attributes = { ...attributesOf(record), 'hayate.from': from, 'hayate.viewers': viewers };
    this.#traces.span({ name: 'gift.show', ...placeOf(record), startMs, attributes });
  }

  /** An attempt to deliver it begins. */
  attempt(record: Of, attempt: number): Attempt {
    const place = placeOf(record);
    const startMs = wallMs();
    return {
      ids: place.ids,
      traceparent: traceparentOf(place.ids),
      end: (outcome, { status, fault }) => {
        const attributes = {
          ...attributesOf(record),
          'hayate.attempt': attempt,
          'hayate.outcome': outcome,
          ...(status === undefined ? {} : { 'http.response.status_code': status }),
        };
        this.#traces.span({ name: 'gift.deliver', ...place, kind: 'client', startMs, attributes, fault });
      },
    };
  }
}

/** One POST to the backend. */
export interface Attempt {
  readonly ids: SpanIds;
  /** The backend's spans hang on it. */
  readonly traceparent: string;
  end(outcome: string, answer: { status?: number; fault?: string }): void;
}

/**
 * One ticket on its way through a relay. Its first acceptance is the first span of the gift's trace; a repeat hangs on that, a
 * refusal stands beside it. Which it is shows at the end, so all of them are made then.
 */
export class Submission {
  readonly #traces: Traces;
  readonly #from: 'session' | 'relay';
  readonly #startMs = wallMs();
  readonly #steps: Pick<SpanData, 'name' | 'kind' | 'startMs' | 'endMs'>[] = [];
  #gift: GiftTicket | undefined;

  constructor(traces: Traces, from: 'session' | 'relay') {
    this.#traces = traces;
    this.#from = from;
  }

  /** For the log; undefined while the ticket has not been checked. */
  get ids(): SpanIds | undefined {
    return this.#gift && giftIds(nameOf(this.#gift));
  }

  /** Its signature is right, and it is for this place. */
  checked(gift: GiftTicket): void {
    this.#gift = gift;
    this.#steps.push({ name: 'gift.check', startMs: this.#startMs, endMs: wallMs() });
  }

  /** @param where `gift.commit` to the ledger, or `gift.forward` to the region that takes it */
  async step<T>(where: 'gift.commit' | 'gift.forward', run: () => Promise<T>): Promise<T> {
    const startMs = wallMs();
    try {
      return await run();
    } finally {
      const kind = where === 'gift.forward' ? 'client' : 'internal';
      this.#steps.push({ name: where, kind, startMs, endMs: wallMs() });
    }
  }

  taken({ repeat }: Receipt): void {
    const first = this.ids!;
    if (repeat) this.#made({ ids: randomIds(first.traceId), parent: first }, 'repeat');
    else if (this.#from === 'session') this.#made({ ids: first }, 'new');
    else this.#made({ ids: randomIds(first.traceId), parent: first }, 'new');
  }

  /** @param code of the protocol's table */
  refused(code: string): void {
    this.#made({ ids: randomIds(this.ids?.traceId) }, 'refused', code);
  }

  #made(place: Pick<SpanData, 'ids' | 'parent'>, result: string, fault?: string): void {
    const attributes: Attributes = {
      ...(this.#gift && attributesOf({ ...this.#gift, ...nameOf(this.#gift) })),
      'hayate.from': this.#from,
      'hayate.result': result,
    };
    const { ids } = place;
    for (const step of this.#steps) this.#traces.span({ ...step, ids: randomIds(ids.traceId), parent: ids });
    this.#traces.span({ name: 'gift.submit', ...place, kind: 'server', startMs: this.#startMs, attributes, fault });
  }
}

function nameOf({ jti, reg }: GiftTicket): Pick<Of, 'kind' | 'key' | 'reg' | 'gift'> {
  return { kind: 'gift', key: jti, reg, gift: null };
}

/** A new span within the record's trace. What takes back a gift has a trace of its own: it may come months later. */
function placeOf(record: Of): Pick<SpanData, 'ids' | 'parent' | 'link'> {
  const first = giftIds(record);
  const ids = randomIds(first.traceId);
  if (record.kind === 'gift') return { ids, parent: first };
  return { ids, link: giftIds({ kind: 'gift', key: record.gift!, reg: record.reg }) };
}

/** The log's own: a room and a `jti`, which every viewer of the room sees too. */
function attributesOf({ room, kind, key }: Pick<Of, 'room' | 'kind' | 'key'>): Attributes {
  return { 'hayate.room': room, 'hayate.kind': kind, 'hayate.key': key };
}
