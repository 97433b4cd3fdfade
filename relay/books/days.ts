import { HayateError } from '@hayate/codec/errors';

/** Every time zone's midnight is on a quarter of an hour. */
const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

/** Calendar days of a time zone. */
export class Days {
  readonly #format: Intl.DateTimeFormat;
  /** By quarter of an hour: formatting each record would take longer than reading it. */
  readonly #known = new Map<number, string>();

  /** @param timeZone IANA name. @throws HayateError `invalid_argument` */
  constructor(timeZone: string) {
    try {
      // sv-SE writes 2026-01-31.
      this.#format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' });
    } catch (cause) {
      throw new HayateError('invalid_argument', `there is no time zone ${timeZone}`, { cause });
    }
  }

  /** `2026-01-31` */
  of(atMs: number): string {
    const quarter = Math.floor(atMs / QUARTER_MS);
    let day = this.#known.get(quarter);
    if (day === undefined) {
      day = this.#format.format(quarter * QUARTER_MS);
      this.#known.set(quarter, day);
    }
    return day;
  }

  /** Its first ms since 1970, also where a clock change leaves midnight out. @throws HayateError `invalid_argument` */
  start(day: string): number {
    const utcMs = DAY.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
    if (Number.isNaN(utcMs)) throw new HayateError('invalid_argument', `${day} is no day: write 2026-01-31`);
    let atMs = utcMs - DAY_MS;
    while (this.of(atMs) < day) atMs += QUARTER_MS;
    return atMs;
  }

  /** The first ms after it. @throws HayateError `invalid_argument` */
  end(day: string): number {
    let atMs = this.start(day);
    while (this.of(atMs) <= day) atMs += QUARTER_MS;
    return atMs;
  }
}
