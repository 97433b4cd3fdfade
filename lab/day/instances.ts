import { Fleet, type FleetOptions, type Placed, type Provider, type Store } from '@hayate/fleet/internal';

type Wish = Parameters<Fleet['place']>[0];
type ReplaceWish = Parameters<Fleet['replace']>[0];

/** Cuts a process off from the world: what it asked for may still happen, and it hears of nothing. */
class Line {
  #cut = false;

  cut(): void {
    this.#cut = true;
  }

  over<T extends object>(inner: T): T {
    return new Proxy(inner, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (this.#cut) return new Promise(() => {});
          const answer = (value as (...args: unknown[]) => unknown).apply(target, args);
          if (!(answer instanceof Promise)) return answer;
          return new Promise((resolve, reject) => {
            answer.then(
              (result) => !this.#cut && resolve(result),
              (error: unknown) => !this.#cut && reject(error as Error),
            );
          });
        };
      },
    });
  }

  /** Timers of a process end with it. */
  timer(run: () => void): () => void {
    return () => {
      if (!this.#cut) run();
    };
  }
}

interface Instance {
  fleet: Fleet;
  line: Line;
}

/** Instances of the fleet, which die without a word and come again. */
export class Instances {
  readonly #options: Omit<FleetOptions, 'owner'>;
  readonly #owners: readonly string[];
  readonly #there = new Map<string, Instance>();
  #turn = 0;

  constructor(owners: readonly string[], options: Omit<FleetOptions, 'owner'>) {
    this.#owners = owners;
    this.#options = options;
    for (const owner of owners) this.start(owner);
  }

  start(owner: string): void {
    const { store, providers, clock } = this.#options;
    const line = new Line();
    const fleet = new Fleet({
      ...this.#options,
      owner,
      store: line.over<Store>(store),
      providers: Object.fromEntries(
        Object.entries(providers).map(([name, { share, api }]) => [name, { share, api: line.over<Provider>(api) }]),
      ),
      clock: { nowMs: clock.nowMs, after: (ms, run) => clock.after(ms, line.timer(run)) },
    });
    this.#there.set(owner, { fleet, line });
  }

  /** As by SIGKILL. */
  kill(owner: string): void {
    this.#there.get(owner)?.line.cut();
    this.#there.delete(owner);
  }

  get leader(): { owner: string; fleet: Fleet } | undefined {
    for (const [owner, { fleet }] of this.#there) if (fleet.leads) return { owner, fleet };
    return undefined;
  }

  get dead(): string[] {
    return this.#owners.filter((owner) => !this.#there.has(owner));
  }

  /** In turn; whoever does not answer is passed over. */
  place(wish: Wish): Promise<Placed> | undefined {
    return this.#next()?.place(wish);
  }

  /** As `place`, for a room whose relay died or drains. */
  replace(wish: ReplaceWish): Promise<Placed> | undefined {
    return this.#next()?.replace(wish);
  }

  #next(): Fleet | undefined {
    const there = [...this.#there.values()];
    this.#turn += 1;
    return there[this.#turn % there.length]?.fleet;
  }
}
