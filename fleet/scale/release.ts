import { HayateError } from '@hayate/codec/errors';
import type { FleetState } from './types.ts';

/** What became of the gifts on the disk of a machine that died: taken off it, or given up. */
export type Gifts = 'recovered' | 'abandoned';

/**
 * The state after a person gave a lost machine up: it is removed as one that drained, unless its relay is heard again before.
 * @param name relay id, or label
 * @throws HayateError `invalid_argument`: there is none, or it is not lost
 */
export function released(
  before: FleetState,
  name: string,
  gifts: Gifts,
  nowMs: number,
  labelPrefix: string,
): { state: FleetState; id: string; label: string } {
  const id = before.machines[name] || !name.startsWith(labelPrefix) ? name : name.slice(labelPrefix.length);
  const state = structuredClone(before);
  const machine = state.machines[id];
  if (!machine) throw new HayateError('invalid_argument', `the fleet has no machine ${name}`);
  if (machine.phase !== 'lost') {
    const text = `${id} is ${machine.phase}, not lost: drain its relay, and the fleet removes it once no gift is on it alone`;
    throw new HayateError('invalid_argument', text);
  }
  Object.assign(machine, { phase: 'removing', sinceMs: nowMs, nextMs: nowMs, gifts });
  return { state, id, label: `${labelPrefix}${id}` };
}
