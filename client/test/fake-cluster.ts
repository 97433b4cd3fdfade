import { ManualClock } from '@hayate/transport/memory';
import type { Environment } from '../room/environment.ts';
import { createEntry, type Entry } from '../src/internal.ts';
import type { RelayCandidate, RelayTarget } from '../src/types.ts';
import { FakeRelay, type FakeRelayOptions } from './fake-relay.ts';

/** Several scripted relays and the clients that know of all of them, in one time. */
export class FakeCluster {
  readonly relays: FakeRelay[];
  readonly environment: Environment;
  readonly entry: Entry;

  /** Each relay's links and clock. */
  constructor(relays: FakeRelayOptions[]) {
    const clock = new ManualClock(5_000_000);
    this.relays = relays.map((options, n) => new FakeRelay({ alias: 300 + n, ...options, clock }));
    this.environment = this.relays[0]!.environment;
    this.entry = createEntry({
      environment: this.environment,
      defaultConnector: () => (url, options) => this.at(url).connector(url, options),
    });
  }

  /** All of them, the first one as the target's own. */
  target(relay: (n: number) => Partial<RelayCandidate> = () => ({})): RelayTarget {
    const relays = this.relays.map((_, n) => ({ url: `https://r${n}/v1`, id: `r${n}`, ...relay(n) }));
    return { url: 'https://r0/v1', token: 'good', relays };
  }

  at(url: string): FakeRelay {
    return this.relays[Number(new URL(url).hostname.slice(1))]!;
  }

  get timers(): number {
    return this.relays.reduce((sum, relay) => sum + relay.timers, 0);
  }

  advance(ms: number): Promise<void> {
    return this.relays[0]!.advance(ms);
  }
}
