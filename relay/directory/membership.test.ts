import { expect, it } from 'vitest';
import { ManualClock } from '../test/clock.ts';
import { relayEntry } from '../test/directory-stage.ts';
import { Membership } from './membership.ts';
import type { Stored, Substrate } from './substrate.ts';

type Listing = Awaited<ReturnType<Substrate['list']>>;

/** One region whose listings are answered by hand. */
function stage() {
  let write: ((region: string, stored: Stored) => void) | undefined;
  const asked: ((listing: Listing) => void)[] = [];
  const substrate: Partial<Substrate> = {
    region: 'jp',
    regions: ['jp'],
    connected: true,
    onWrite: (_kind, _key, callback) => {
      write = callback;
      return () => {};
    },
    list: () => new Promise((resolve) => asked.push(resolve)),
    onHeartbeat: () => () => {},
    heartbeat: () => {},
    onConnected: () => {},
  };
  const membership = new Membership(substrate as Substrate, {
    clock: new ManualClock(0),
    random: () => 0.5,
    heartbeatMs: 1000,
    goneMs: 3000,
    watched: 3,
    watchedFar: 1,
    auditMs: 30_000,
  });
  return {
    membership,
    told: (stored: Stored) => write!('jp', stored),
    listing: async (answer: Listing) => {
      asked.shift()!(answer);
      await new Promise((resolve) => setImmediate(resolve));
    },
    ids: () => membership.relays.map(({ id }) => id),
  };
}

const entry = (id: string, revision: number): Stored => ({
  key: id,
  value: JSON.stringify(relayEntry(id, 'jp')),
  revision,
});
const removal = (key: string, revision: number): Stored => ({ key, value: undefined, revision });

it('does not raise the dead from a listing that is older than their removal', async () => {
  const { membership, told, listing, ids } = stage();
  const first = membership.relist('jp', 'home');
  await listing({ entries: [entry('jp-1', 1), entry('jp-2', 2)], revision: 2 });
  await first;
  expect(ids()).toEqual(['jp-1', 'jp-2']);

  // Of 3 to 6 only the last is heard; the listing that it causes was read before it.
  told(removal('jp-2', 6));
  expect(ids()).toEqual(['jp-1']);
  await listing({ entries: [entry('jp-1', 1), entry('jp-2', 2), entry('jp-3', 4)], revision: 5 });
  expect(ids()).toEqual(['jp-1', 'jp-3']);

  // Control: who comes back under the name is let in, by a change and by a listing.
  told(entry('jp-2', 7));
  expect(ids()).toEqual(['jp-1', 'jp-2', 'jp-3']);
  membership.stop();
});
