import type { Provider } from '@hayate/fleet/internal';

/** A fleet without intents: each attempt has a name of its own, and what was not answered well was not made. */
export function forgetful(provider: Provider): Provider {
  const made = new Map<string, string>();
  let attempts = 0;
  return {
    ...provider,
    async machines(tag) {
      const list = await provider.machines(tag);
      return list.flatMap((machine) => {
        const label = made.get(machine.id);
        return label === undefined ? [] : [{ ...machine, label }];
      });
    },
    async create(machine) {
      attempts += 1;
      const created = await provider.create({ ...machine, label: `${machine.label}.try-${attempts}` });
      made.set(created.id, machine.label);
      return { ...created, label: machine.label };
    },
  };
}
