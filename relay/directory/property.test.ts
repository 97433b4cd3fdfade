import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryStage } from '../test/directory-stage.ts';
import type { RoomEntry } from './types.ts';

const ROOMS = ['one'];
const REGIONS = ['jp', 'us'];

const place = fc.record({ by: fc.nat({ max: 3 }), room: fc.constantFrom(...ROOMS), home: fc.constantFrom(...REGIONS) });
const step = fc.oneof(
  { weight: 3, arbitrary: place.map((at) => ({ do: 'open' as const, ...at })) },
  { weight: 5, arbitrary: place.map((at) => ({ do: 'claim' as const, ...at })) },
  { weight: 2, arbitrary: place.map((at) => ({ do: 'move' as const, ...at })) },
  { weight: 1, arbitrary: place.map((at) => ({ do: 'close' as const, ...at })) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('cut', 'heal', 'jp away', 'jp back', 'us away', 'us back', 'copies held', 'copies go on')
      .map((trouble) => ({ do: 'trouble' as const, trouble })),
  },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 5000 }).map((ms) => ({ do: 'pass' as const, ms })) },
);
/** Steps of a group are at once. */
const script = fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 25 });

describe('rooms in trouble', () => {
  it('have one origin an epoch, epochs that grow for whoever watches, and one entry for all in the end', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (groups) => {
        const stage = memoryStage();
        const places = await Promise.all(['jp', 'jp', 'us', 'us'].map((region) => stage.directory(region)));
        const directories = places.map(({ directory }) => directory);
        for (const [n, directory] of directories.entries()) {
          directory.announce({ ...entry, id: `${directory.region}-${n}`, region: directory.region });
        }
        const told = directories.flatMap((directory) =>
          ROOMS.map((room) => {
            const seen: RoomEntry[] = [];
            directory.watch(room, (one) => seen.push(one));
            return { room, seen };
          }),
        );
        /** By room, home and epoch: who got it. */
        const origins = new Map<string, string>();
        let serial = 0;
        const got = ({ room, home, epoch, origin }: RoomEntry) => {
          const key = `${room} ${home} ${epoch}`;
          expect(origins.get(key) ?? origin).toBe(origin);
          origins.set(key, origin);
        };
        const run = async (one: (typeof groups)[number][number]) => {
          if (one.do === 'pass') return stage.clock.advance(one.ms);
          if (one.do === 'trouble') {
            const [region, how] = one.trouble.split(' ');
            if (region === 'copies') stage.cloud.holdCopies(how === 'held');
            else if (how) stage.cloud.away(region!, how === 'away');
            else stage.cloud.cut('jp', 'us', one.trouble === 'cut');
            return;
          }
          const directory = directories[one.by]!;
          const origin = `${one.home}-${serial++}`;
          if (one.do === 'open') {
            const opened = await directory.open(one.room, one.home, origin);
            // What was there may be of another creation, on this side of a cut.
            if (opened.origin === origin) got(opened);
          }
          if (one.do === 'close') await directory.close(one.room);
          if (one.do === 'move') got(await directory.move(one.room, { home: one.home, origin }));
          if (one.do === 'claim') {
            const before = await directory.lookup(one.room);
            const mine = `${before?.home}-${serial++}`;
            if (before) got(await directory.claim(one.room, before.epoch, mine));
          }
        };
        for (const group of groups) {
          for (const result of await Promise.allSettled(group.map(run))) {
            if (result.status === 'fulfilled') continue;
            const { code } = result.reason as { code?: string };
            if (code === undefined) throw result.reason;
            expect(['directory_unavailable', 'epoch_conflict', 'room_unknown']).toContain(code);
          }
        }

        for (const region of REGIONS) stage.cloud.away(region, false);
        stage.cloud.cut('jp', 'us', false);
        stage.cloud.holdCopies(false);
        for (const room of ROOMS) {
          let last: (RoomEntry | undefined)[] = [];
          await stage.until('all agree', async () => {
            const now = await Promise.all(directories.map((directory) => directory.lookup(room)));
            const seen = told.filter((one) => one.room === room).map((one) => one.seen.at(-1));
            last = [...now, ...seen];
            // Of two that closed, each on its side, either is told.
            return new Set(last.map((one) => (one?.closed ? 'closed' : JSON.stringify(one)))).size === 1;
          });
        }
        for (const { seen } of told) {
          for (const [n, one] of seen.entries()) {
            const before = seen[n - 1];
            if (before)
              expect(one.epoch * 2 + (one.closed ? 1 : 0)).toBeGreaterThan(before.epoch * 2 + (before.closed ? 1 : 0));
          }
        }
        await stage.stop();
        expect(stage.clock.timers).toBe(0);
      }),
      { numRuns: 400 },
    );
  }, 60_000);
});

const entry = {
  url: 'https://relay.example.net/v1',
  certificateHashes: [],
  trunk: { host: 'relay.example.net', port: 1 },
  load: { viewers: 0, rooms: 0, cpu: 0, egressBps: 0 },
  draining: false,
};
