import type { Around } from '../../lib/relay-process.ts';
import type { Stage } from './stage.ts';

/** Of the load that every fault meets. */
export const VIEWERS = 20;

/** What is promised of the load in numbers; whatever is given stands in the text of the promise too. */
interface Limits {
  /** Viewers that have media at the end. Default: all. */
  kept?: number;
  /** Sessions of the load that end during it, at most. Absent: any. */
  ended?: number;
  /** No viewer is without a new frame for longer, ms. */
  stillMs: number;
  /** By how much the lag's p99 of units that come while it lasts exceeds that of before, at most, ms. Absent: not promised. */
  duringMs?: number;
  /** The same for afterwards. Default 10. */
  afterMs?: number;
  /** Gifts that the relay refuses, so that the giver knows that they were not taken, at most. Default: none. */
  refused?: number;
}

/** One thing more that is promised, and how it came out. */
export interface Found {
  ok: boolean;
  measured: string;
}

export interface Setup {
  /** Of the relay, beside those of every fault. */
  flags?: string[];
  around?: Around;
  /** The relay's folder as this process finds it, where that is not the same path. */
  stateDir?: string;
  /** The folder's path for the relay. */
  relayStateDir?: string;
  /** Clients reach the relay by a line in between, which can be worsened. */
  line?: boolean;
  /** Where gifts are delivered: a URL instead of the receiver's own. */
  webhookUrl?(port: number): string;
  /** Undoes what was set up, once the relay has ended. */
  clean?(): Promise<void> | void;
}

export interface Fault {
  /** As `relay-stopped-2s`: named by `--only`, and the first column of docs/faults.md. */
  name: string;
  /** What is done to the relay. */
  does: string;
  limits: Limits;
  /** What is promised beside the limits, by a key of what `inflict` finds. */
  also?: Record<string, string>;
  /** Why this machine cannot do it; undefined where it can. */
  cannot?(): Promise<string | undefined> | string | undefined;
  setup?(folder: string): Promise<Setup> | Setup;
  /** Inflicts the fault under load and takes it away again. Gives what it found for each key of `also`. */
  inflict(stage: Stage): Promise<Record<string, Found>>;
  /** Gifts are acked and cannot be read in the relay's own ledger: see `Stage.audit`. */
  ledgerElsewhere?: boolean;
  /** A promise that is broken on purpose: the fault must be found to break it. */
  control?: boolean;
}

const AFTER_MS = 10;

/** What a run of it measured of the load. */
export interface Measured {
  /** Share of the frames due that the liver sent, and of the gifts and comments due that were tried. */
  load_held: number;
  viewers_kept: number;
  sessions_ended: number;
  still_ms: number;
  lag_p99_ms: { before: number; during: number | null; after: number };
  gifts: {
    given: number;
    acked: number;
    /** The giver was told that it was not taken. */
    refused: number;
    unanswered: number;
    /** Acked, and not in the ledger as it was acked, or not shown to a viewer: one for each of them. */
    lost: number;
    doubled: number;
    /** Shown out of their order. */
    reordered: number;
    /** In the ledger, and not delivered as it is there. */
    undelivered: number;
  };
  comments: { sent: number; taken: number };
}

/** Whether nothing but the lag was broken, which a machine that stands still breaks as well. */
export function lagAlone(why: readonly string[]): boolean {
  return why.length > 0 && why.every((text) => text.startsWith('lag p99 '));
}

/** Load that the run could not keep up says nothing of the relay. */
const LEAST_LOAD = 0.9;

export function promised({ limits, also = {} }: Pick<Fault, 'limits' | 'also'>): string {
  const { kept = VIEWERS, ended, stillMs, duringMs, afterMs = AFTER_MS, refused = 0 } = limits;
  return [
    `viewers kept ${kept} of ${VIEWERS}`,
    ...(ended === undefined ? [] : [ended === 0 ? 'no session ended' : `at most ${ended} sessions ended`]),
    `nobody without a new frame for over ${stillMs} ms`,
    ...(duringMs === undefined ? [] : [`lag p99 meanwhile at most before + ${duringMs} ms`]),
    `after it at most before + ${afterMs} ms`,
    `gifts lost 0, doubled 0, ${refused === 0 ? 'none' : `at most ${refused}`} refused, all answered, shown in order and delivered`,
    ...Object.values(also),
  ].join('; ');
}

/** What breaks the promise, one text each; empty: it was kept. */
export function broken(
  { limits, also = {} }: Pick<Fault, 'limits' | 'also'>,
  measured: Measured,
  found: Record<string, Found>,
): string[] {
  const { kept = VIEWERS, ended, stillMs, duringMs, afterMs = AFTER_MS, refused = 0 } = limits;
  const { viewers_kept, sessions_ended, still_ms, lag_p99_ms: lag, gifts, load_held } = measured;
  const out: string[] = [];
  const check = (ok: boolean, text: string) => {
    if (!ok) out.push(text);
  };
  check(load_held >= LEAST_LOAD, `the load was not held: ${load_held}`);
  check(viewers_kept >= kept, `viewers kept ${viewers_kept}`);
  check(ended === undefined || sessions_ended <= ended, `${sessions_ended} sessions ended`);
  check(still_ms <= stillMs, `a viewer was without a new frame for ${still_ms} ms`);
  // NaN, where nothing came, is not within any limit.
  check(
    duringMs === undefined || (lag.during ?? Number.NaN) - lag.before <= duringMs,
    `lag p99 meanwhile ${lag.during}`,
  );
  check(lag.after - lag.before <= afterMs, `lag p99 after it ${lag.after} ms, before ${lag.before} ms`);
  check(gifts.acked > 0, 'no gift was acked: nothing was shown of gifts');
  check(gifts.lost === 0 && gifts.doubled === 0, `gifts lost ${gifts.lost}, doubled ${gifts.doubled}`);
  check(gifts.refused <= refused, `gifts refused ${gifts.refused}`);
  check(gifts.reordered === 0, `gifts shown out of order ${gifts.reordered}`);
  check(gifts.undelivered === 0, `gifts never delivered ${gifts.undelivered}`);
  check(gifts.unanswered === 0, `${gifts.unanswered} gifts unanswered`);
  for (const [key, text] of Object.entries(also)) {
    check(found[key]?.ok === true, `${text}: ${found[key]?.measured ?? 'not found out'}`);
  }
  return out;
}

export function measuredText(measured: Measured, found: Record<string, Found>): string {
  const { load_held, viewers_kept, sessions_ended, still_ms, lag_p99_ms: lag, gifts, comments } = measured;
  return [
    `viewers kept ${viewers_kept}`,
    `sessions ended ${sessions_ended}`,
    `longest without a frame ${still_ms} ms`,
    `lag p99 ${lag.before} before, ${lag.during ?? 'none'} meanwhile, ${lag.after} ms after`,
    `gifts acked ${gifts.acked} of ${gifts.given}, lost ${gifts.lost}, doubled ${gifts.doubled}`,
    `comments taken ${comments.taken} of ${comments.sent}`,
    `load held ${Math.round(100 * load_held)} %`,
    ...Object.values(found).map(({ measured: text }) => text),
  ].join('; ');
}
