import type { Store } from '../store/store.ts';
import { runCommand } from './command.ts';
import { relayOf } from './label.ts';
import { type Machine, type NewMachine, orUnavailable, type Provider, ProviderError } from './types.ts';

interface StaticMachine {
  name: string;
  zone: string;
  /** For commands. */
  address: string;
}

export interface StaticOptions {
  /** Of the provider: what is taken is kept in the store under it. */
  name: string;
  machines: readonly StaticMachine[];
  /** Programs with arguments; `{machine}`, `{address}`, `{id}` and `{region}` are filled in. `take` may be run again. */
  take: readonly string[];
  release: readonly string[];
  /** Exit code 0: they can be reached. Without: that is not known, and their relays alone tell. */
  probe?: readonly string[] | undefined;
  labelPrefix: string;
  store: Store;
  nowMs(): number;
  run?: typeof runCommand;
}

interface Taken {
  label: string;
  zone: string;
  tags: readonly string[];
  createdMs: number;
}

/** By machine. */
interface Kept {
  taken: Record<string, Taken>;
  /** Last time that it was given back: the one that rested longest is next, as the last one may not work. */
  freedMs: Record<string, number>;
}

/** Machines that are there anyway. A create takes a free one into service, a remove gives it back. */
export function staticProvider(options: StaticOptions): Provider {
  const { machines, take, release, probe, labelPrefix, store, nowMs, run = runCommand } = options;
  const key = `static ${options.name}`;
  const read = () =>
    orUnavailable(async () => {
      const { value, sequence } = await store.read<Kept>(key);
      return { kept: value ?? { taken: {}, freedMs: {} }, sequence };
    });
  const write = (kept: Kept, sequence: number) =>
    orUnavailable(async () => {
      const written = await store.write(key, kept, sequence);
      if (written === undefined) throw new ProviderError('unavailable', `${key} was changed meanwhile`);
    });
  const filled = (words: readonly string[], machine: string, label: string) => {
    const address = machines.find(({ name }) => name === machine)?.address ?? '';
    const values = { machine, address, ...relayOf(label, labelPrefix) };
    return words.map((word) =>
      word.replace(/\{(machine|address|id|region)\}/g, (_, name: keyof typeof values) => values[name]),
    );
  };

  /** The one that has the label, or the one that is to have it. */
  async function book({ label, zone, tags }: NewMachine): Promise<[name: string, Taken]> {
    const { kept, sequence } = await read();
    const had = Object.entries(kept.taken).find(([, taken]) => taken.label === label);
    if (had) return had;
    const free = machines
      .filter(({ name }) => !kept.taken[name])
      .sort((a, b) => (kept.freedMs[a.name] ?? 0) - (kept.freedMs[b.name] ?? 0));
    const next = free.find((machine) => machine.zone === zone) ?? free[0];
    if (!next) throw new ProviderError('account_limit', `all ${machines.length} machines are in service`);
    const taken: Taken = { label, zone: next.zone, tags, createdMs: nowMs() };
    await write({ ...kept, taken: { ...kept.taken, [next.name]: taken } }, sequence);
    return [next.name, taken];
  }

  return {
    async machines(tag) {
      if (probe) await run(probe);
      const { kept } = await read();
      return Object.entries(kept.taken)
        .filter(([, { tags }]) => tags.includes(tag))
        .map(([name, taken]) => machineOf(name, taken));
    },
    async create(machine) {
      const [name, taken] = await book(machine);
      await run(filled(take, name, taken.label)).catch((cause: unknown) => {
        // It may have come as far as a relay: the label keeps its machine.
        throw new ProviderError('outcome_unknown', (cause as Error).message, { cause });
      });
      return machineOf(name, taken);
    },
    async remove(name) {
      const before = (await read()).kept.taken[name];
      if (!before) return;
      await run(filled(release, name, before.label));
      const { kept, sequence } = await read();
      const { [name]: _, ...taken } = kept.taken;
      await write({ taken, freedMs: { ...kept.freedMs, [name]: nowMs() } }, sequence);
    },
  };
}

const machineOf = (id: string, taken: Taken): Machine => ({ ...taken, id, type: 'static', status: 'running' });
