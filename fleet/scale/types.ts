import type { Machine, ProviderCode } from '../provider/types.ts';
import type { Gifts } from './release.ts';

/** A region of the cluster and, by provider, the provider's regions where its relays may stand. */
interface RegionRules {
  zones: Readonly<Record<string, readonly string[]>>;
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
  /** Silence of a provider and of all its relays after which its capacity is made elsewhere, ms. */
  darkMs: number;
  /** A drain that takes longer raises an alarm, ms. */
  drainMs: number;
  /**
   * Relays of a region that drain at once, as a share of those that serve; at least one. As many may come beside the others
   * while relays move from one provider to another, also beyond the region's `max`.
   */
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
  provider: string;
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
  /** Somebody gave it up while it was lost, and said so of its gifts. */
  gifts?: Gifts;
}

interface ProviderState {
  /** No creates before, ms since 1970. */
  pausedMs: number;
  /** Until then since its account has no room for more. */
  full?: true;
  /** Since when it gives no list. */
  silentMs?: number;
  /** Since when none of its relays is heard either: it does not count until one of both is back. */
  darkMs?: number;
}

/** All that a restart must not lose. Plain JSON. */
export interface FleetState {
  version: 2;
  /** Of the next machine: no number is used twice. */
  next: number;
  /** Every provider's list was seen, so that `next` is over all numbers that are in use. */
  complete?: true;
  machines: Record<string, MachineState>;
  providers: Record<string, ProviderState>;
  /** By provider and zone (`zoneKey`), where creates fail: not before that. */
  zones: Record<string, { failures: number; badMs: number }>;
}

export const emptyState = (): FleetState => ({ version: 2, next: 1, machines: {}, providers: {}, zones: {} });

/** Providers may call their zones alike. */
export const zoneKey = (provider: string, zone: string): string => `${provider}/${zone}`;

/** By region and provider, percent; what they mean is their ratio among the providers that have zones there. */
export type Shares = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Observation {
  /** Each provider's answer and when it was asked; undefined: it gave none. */
  machines: Readonly<Record<string, { atMs: number; list: readonly Machine[] } | undefined>>;
  relays: readonly RelayReport[];
  /** The directory is there. Without it nobody is lost, and nothing drains. */
  directory: boolean;
  /** Relays that a region needs: to be had by now, and so many that any more may go. */
  need: Readonly<Record<string, { least: number; most: number }>>;
  shares: Shares;
}

export type Action =
  | { do: 'create'; id: string; label: string; provider: string; zone: string; tags: readonly string[] }
  | { do: 'drain'; id: string }
  | { do: 'remove'; id: string; provider: string; machine: string; label: string };

export type AlarmCode =
  | 'drain_overdue'
  | 'relay_lost'
  | 'never_came_up'
  | 'provider_silent'
  | 'provider_dark'
  | 'zone_fails'
  | 'at_max'
  | 'vanished'
  | 'not_ours'
  | 'transfer_over';

export interface Alarm {
  code: AlarmCode;
  /** Relay id, region, provider or zone. */
  of: string;
  text: string;
}

/** What came of an action. */
export type Outcome =
  | { of: 'create'; id: string; ok: true }
  | { of: 'create'; id: string; ok: false; code: ProviderCode; retryAfterMs?: number | undefined }
  | { of: 'remove'; id: string; ok: boolean };
