import type { InstanceStatus } from '../instances.ts';

/** A Linode of the fake. Read it; change it through the fake alone. */
export interface FakeMachine {
  readonly id: number;
  label: string;
  readonly region: string;
  readonly type: string;
  readonly image: string | null;
  readonly imageLabel: string | null;
  tags: readonly string[];
  /** Decoded; undefined: none. */
  readonly userData: string | undefined;
  status: InstanceStatus;
  readonly createdMs: number;
  updatedMs: number;
  deletedMs: number | undefined;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly hostUuid: string;
  placementGroupId: number | undefined;
  disks: FakeDisk[];
  /** Of what it boots with. */
  readonly configId: number;
  /** Boots again when it stops by itself. */
  watchdog: boolean;
  /** Boots again when its host is back. */
  bootsAgain: boolean;
  /** What was planned for it before the last change of plan is void. */
  plan: number;
  /** GB out by month (`2026-01`). */
  readonly usedGb: Map<string, number>;
  /** As the API shows it, until it changes. */
  json: string | undefined;
}

interface FakeDisk {
  id: number;
  label: string;
  filesystem: string;
  sizeMb: number;
  createdMs: number;
  ready: boolean;
}

export interface FakeFirewall {
  id: number;
  label: string;
  status: string;
  tags: string[];
  createdMs: number;
  updatedMs: number;
  rules: Record<string, unknown>;
  version: number;
  /** Linode by id of the device. */
  devices: Map<number, { linodeId: number; createdMs: number }>;
}

export interface FakeGroup {
  id: number;
  label: string;
  region: string;
  policy: string;
}

export interface FakeImage {
  id: string;
  label: string;
  description: string;
  tags: string[];
  isPublic: boolean;
  cloudInit: boolean;
  status: string;
  createdMs: number;
  sizeMb: number;
  /** Status by region. */
  regions: Map<string, string>;
}

export interface FakeEvent {
  id: number;
  action: string;
  createdMs: number;
  /** Until it ends: how long it is going to take. */
  tookMs: number;
  status: string;
  entity: { id: number | string; type: string; label: string; url: string };
  secondary: { id: number | string; type: string; label: string; url: string } | null;
}

/** An event of the account is seldom asked for a day later. */
const MAX_EVENTS = 5000;

/** All that the fake holds, and what is going to happen when. No timers: whoever asks sees all that is due by then. */
export class World {
  readonly random: () => number;
  readonly machines = new Map<number, FakeMachine>();
  /** In the order in which they went. */
  readonly gone: FakeMachine[] = [];
  readonly firewalls = new Map<number, FakeFirewall>();
  readonly groups = new Map<number, FakeGroup>();
  readonly images = new Map<string, FakeImage>();
  events: FakeEvent[] = [];
  readonly outages = new Set<string>();
  /** `REGION` or `REGION TYPE` without room. */
  readonly full = new Set<string>();
  readonly #due: { atMs: number; run: () => void }[] = [];
  readonly #clock: () => number;
  /** While something happens that was due earlier: then. */
  #happensMs: number | undefined;
  #ids = 1000;

  constructor(clock: () => number, random: () => number) {
    this.#clock = clock;
    this.random = random;
  }

  nowMs(): number {
    return this.#happensMs ?? this.#clock();
  }

  id(): number {
    this.#ids += 1;
    return this.#ids;
  }

  at(atMs: number, run: () => void): void {
    const entry = { atMs, run };
    const index = this.#due.findIndex((each) => each.atMs > atMs);
    if (index < 0) this.#due.push(entry);
    else this.#due.splice(index, 0, entry);
  }

  /** When something is going to change by itself; undefined: never. */
  get nextMs(): number | undefined {
    return this.#due[0]?.atMs;
  }

  /** Lets all happen that is due. */
  settle(): void {
    const nowMs = this.#clock();
    while (this.#due.length > 0 && this.#due[0]!.atMs <= nowMs) {
      const { atMs, run } = this.#due.shift()!;
      this.#happensMs = atMs;
      run();
    }
    this.#happensMs = undefined;
  }

  event(
    action: string,
    machine: Pick<FakeMachine, 'id' | 'label'>,
    { createdMs, tookMs = 0, status = 'finished', secondary = null }: Partial<FakeEvent> = {},
  ): FakeEvent {
    const event: FakeEvent = {
      ...{ id: this.id(), action, createdMs: createdMs ?? this.nowMs(), tookMs, status, secondary },
      entity: {
        id: machine.id,
        type: 'linode',
        label: machine.label,
        url: `/v4/linode/instances/${machine.id}`,
      },
    };
    this.events.push(event);
    if (this.events.length > 2 * MAX_EVENTS) this.events = this.events.slice(-MAX_EVENTS);
    return event;
  }
}

/** `2026-01`. */
export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}

export function monthStartMs(ms: number): number {
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

export function monthEndMs(ms: number): number {
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
