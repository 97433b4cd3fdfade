import type { Machine, ProviderCode } from '../provider/types.ts';

/** A region of the cluster and the provider's regions where its relays may stand. */
interface RegionRules {
  zones: readonly string[];
  /** Relays that serve, at least and at most. */
  min: number;
  max: number;
}

export interface ScaleRules {
  regions: Readonly<Record<string, RegionRules>>;
  /** Before the relay's id in a machine's label: `hayate-`. */
  labelPrefix: string;
  /** On each machine of this fleet. What has not got it is never touched. */
  tag: string;
  /** A create that was not answered well is tried again after that, ms; twice as long each time, up to `createMaxRetryMs`. */
  createRetryMs: number;
  createMaxRetryMs: number;
  /** A machine whose relay does not come up within this time is replaced and removed, ms. */
  bootLimitMs: number;
  /** Silence after which a relay counts as lost and is replaced, ms. */
  lostMs: number;
  /** A drain that takes longer raises an alarm, ms. */
  drainMs: number;
  /** Relays of a region that drain at once, as a share of those that serve; at least one. */
  drainShare: number;
}

/** What a relay says of itself, as far as it was heard. */
export interface RelayReport {
  id: string;
  region: string;
  draining: boolean;
  rooms: number;
  viewers: number;
  /** Gifts that are durable on this machine alone, or that the backend has not taken. Undefined: not known. */
  giftsHeld: number | undefined;
}

type Phase =
  /** To be created, or created as far as is known: the intent, written before the call. */
  | 'wanted'
  /** The provider has it, its relay was not heard yet. */
  | 'starting'
  | 'serving'
  /** Its relay was heard and is silent. */
  | 'lost'
  /** Takes no rooms, waits for its rooms and gifts to be gone. */
  | 'draining'
  /** To be removed, unless its relay is heard again and has something. */
  | 'removing';

export interface MachineState {
  /** Relay id; the label is prefix and id. */
  id: string;
  region: string;
  zone: string;
  phase: Phase;
  /** Of the phase, ms since 1970. */
  sinceMs: number;
  /** Calls to create it so far, and when the next one may be made. */
  attempts: number;
  nextMs: number;
  /** A call was made of which it is not known what it did. */
  unsure?: true;
  /** Last heard of in the directory. */
  heardMs?: number;
  /** Since when its relay says that it drains. */
  drainedMs?: number;
  /** It drains as soon as it is heard again. */
  condemned?: true;
}

/** All that a restart must not lose. Plain JSON. */
export interface FleetState {
  version: 1;
  /** Of the next machine: no number is used twice. */
  next: number;
  machines: Record<string, MachineState>;
  /** No creates before, ms since 1970. */
  pausedMs: number;
  /** Zones where creates fail: not before that. */
  zones: Record<string, { failures: number; badMs: number }>;
}

export const emptyState = (): FleetState => ({ version: 1, next: 1, machines: {}, pausedMs: 0, zones: {} });

export interface Observation {
  /** The provider's answer and when it was asked; undefined: it gave none. */
  machines: { atMs: number; list: readonly Machine[] } | undefined;
  relays: readonly RelayReport[];
  /** The directory is there. Without it nobody is lost, and nothing drains. */
  directory: boolean;
  /** Relays that a region needs: to be had by now, and so many that any more may go. */
  need: Readonly<Record<string, { least: number; most: number }>>;
}

export type Action =
  | { do: 'create'; id: string; label: string; zone: string; tags: readonly string[] }
  | { do: 'drain'; id: string }
  | { do: 'remove'; id: string; machine: string; label: string };

type AlarmCode =
  | 'drain_overdue'
  | 'relay_lost'
  | 'never_came_up'
  | 'account_limit'
  | 'zone_fails'
  | 'at_max'
  | 'vanished'
  | 'not_ours'
  | 'transfer_over';

export interface Alarm {
  code: AlarmCode;
  /** Relay id, region or zone. */
  of: string;
  text: string;
}

/** What came of an action. */
export type Outcome =
  | { of: 'create'; id: string; ok: true }
  | { of: 'create'; id: string; ok: false; code: ProviderCode; retryAfterMs?: number | undefined }
  | { of: 'remove'; id: string; ok: boolean };
