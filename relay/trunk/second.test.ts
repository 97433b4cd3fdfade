import { expect, it } from 'vitest';
import type { SpooledGift } from '../ledger/index.ts';
import { SecondCopies } from './second.ts';

const gift: SpooledGift = {
  ticket: { jti: 'g', room: 'r', sender: 'ann', liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg: 'jp' },
  atMs: 5,
};

/** Relays whose messages arrive at once, but for those that are deaf. */
function relays(...names: string[]) {
  const kept: Record<string, SpooledGift[]> = {};
  const timers: (() => void)[] = [];
  const state = { deaf: new Set<string>(), full: new Set<string>(), timers, kept };
  const all = new Map<string, SecondCopies>();
  for (const name of names) {
    kept[name] = [];
    const copies = new SecondCopies({
      peers: () => names.filter((each) => each !== name),
      send: (peer, message) => {
        if (message.t !== 'keep' && message.t !== 'kept') throw new TypeError(message.t);
        if (!state.deaf.has(peer)) queueMicrotask(() => all.get(peer)!.handle(name, message));
      },
      keep: async (each) => {
        if (state.full.has(name)) throw new Error('the disk is full');
        kept[name]!.push(each);
      },
      setTimer: (run) => timers.push(run),
      clearTimer: () => {},
    });
    all.set(name, copies);
  }
  return { ...state, of: (name: string) => all.get(name)! };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

it('is on the disk of the first relay that can', async () => {
  const rig = relays('a', 'b', 'c');
  await rig.of('a').store(gift);
  expect(rig.kept).toEqual({ a: [], b: [gift], c: [] });
  rig.full.add('b');
  await rig.of('a').store(gift);
  expect(rig.kept['c']).toEqual([gift]);
});

it('is not known to be anywhere when nobody says so: in time, or before the link is gone', async () => {
  const rig = relays('a', 'b');
  rig.deaf.add('a');
  const late = rig.of('a').store(gift);
  await settled();
  for (const run of rig.timers) run();
  await expect(late).rejects.toThrow();
  const cut = rig.of('a').store(gift);
  await settled();
  rig.of('a').lost('b');
  await expect(cut).rejects.toThrow();
  await expect(relays('a').of('a').store(gift)).rejects.toThrow();
});

it('takes an answer from whom it asked only', async () => {
  const rig = relays('a', 'b', 'c');
  rig.deaf.add('b');
  let done = false;
  void rig
    .of('a')
    .store(gift)
    .then(() => {
      done = true;
    });
  rig.of('a').handle('c', { t: 'kept', id: 1, ok: true });
  await settled();
  expect(done).toBe(false);
});
