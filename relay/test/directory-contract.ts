import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Directory, RoomEntry } from '../directory/index.ts';
import { type DirectoryStage, relayEntry } from './directory-stage.ts';

const ids = (directory: Directory) => directory.relays().map(({ id }) => id);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fulfilled',
    (error: { code?: string }) => error.code ?? String(error),
  );

/** What every body of the directory does. `make` gives two fresh regions. */
export function directoryContract(name: string, make: () => Promise<DirectoryStage>, skip?: string): void {
  describe(`directory over ${name}`, () => {
    let stage: DirectoryStage;
    beforeEach(async (context) => {
      if (skip !== undefined) context.skip(skip);
      stage = await make();
    });
    afterEach(() => (skip === undefined ? stage.stop() : undefined));

    const start = async (region: string) => (await stage.directory(region)).directory;
    /** Collects what a watch tells. */
    const watched = (directory: Directory, room: string) => {
      const seen: RoomEntry[] = [];
      directory.watch(room, (entry) => seen.push(entry));
      return seen;
    };
    const agree = (room: string, ...directories: Directory[]) =>
      stage.until(`all agree on ${room}`, async () => {
        const [first, ...rest] = await Promise.all(directories.map((directory) => directory.lookup(room)));
        return first !== undefined && rest.every((entry) => JSON.stringify(entry) === JSON.stringify(first));
      });

    describe('relays', () => {
      it('are seen in both regions from announcement to withdrawal, with their loads and draining', async () => {
        const [a, b] = [await start('jp'), await start('us')];
        a.announce(relayEntry('jp-1', 'jp'));
        b.announce(relayEntry('us-1', 'us'));
        await stage.until('each sees both', () => [a, b].every((one) => ids(one).join() === 'jp-1,us-1'));
        expect(b.relays()[0]).toMatchObject(relayEntry('jp-1', 'jp'));

        const load = { viewers: 70, rooms: 4, cpu: 0.25, egressBps: 3000 };
        const before = b.relays();
        a.announce(relayEntry('jp-1', 'jp', { load }));
        await stage.until('the load is heard', () => b.relays()[0]?.load.viewers === 70);
        expect(b.relays()[0]).toMatchObject({ load, loadFresh: true });
        expect(b.relays()).toBe(before);

        const states = () =>
          b
            .relays()
            .map(({ id, draining }) => (draining ? `${id} draining` : id))
            .join();
        const told = [states()];
        b.onRelays(() => told.push(states()));
        a.announce(relayEntry('jp-1', 'jp', { load, draining: true }));
        await stage.until('draining is told', () => b.relays()[0]?.draining === true);
        await a.withdraw();
        await stage.until('it is gone', () => ids(b).join() === 'us-1');
        // Nothing is told that changes nothing. (Over a network a relay that is late may be gone and come back between.)
        expect(told.filter((state, index) => state === told[index - 1])).toEqual([]);
        expect(told).toEqual(expect.arrayContaining(['jp-1,us-1', 'jp-1 draining,us-1', 'us-1']));
      });

      it('that fall silent are gone for all, also for those who come later', async () => {
        const [a, far] = [await start('jp'), await start('us')];
        const dying = await stage.directory('jp');
        a.announce(relayEntry('jp-1', 'jp'));
        dying.directory.announce(relayEntry('jp-2', 'jp'));
        await stage.until('both are seen', () => [a, far].every((one) => ids(one).join() === 'jp-1,jp-2'));
        await dying.kill();
        await stage.until('one is gone', () => [a, far].every((one) => ids(one).join() === 'jp-1'));
        const late = await start('us');
        await stage.until('the late one sees one', () => ids(late).length > 0);
        expect(ids(late)).toEqual(['jp-1']);
      });

      it('that come back under their name are there again', async () => {
        const a = await start('jp');
        a.announce(relayEntry('jp-1', 'jp'));
        const first = await start('jp');
        first.announce(relayEntry('jp-2', 'jp'));
        await stage.until('two', () => ids(a).length === 2);
        await first.shutdown();
        await stage.until('one', () => ids(a).length === 1);
        const second = await start('jp');
        second.announce(relayEntry('jp-2', 'jp', { url: 'https://elsewhere.example.net/v1' }));
        await stage.until('two again', () => ids(a).length === 2);
        expect(a.relays()[1]?.url).toBe('https://elsewhere.example.net/v1');
      });
    });

    describe('rooms', () => {
      it('are unknown until opened, and opened once whoever asks', async () => {
        const [a, b] = [await start('jp'), await start('us')];
        expect(await a.lookup('no')).toBeUndefined();
        const names = ['jp-1', 'jp-2', 'jp-3', 'jp-4'];
        const opened = await Promise.all(names.map((id, n) => (n % 2 ? a : b).open('room/one ü', 'jp', id)));
        expect(new Set(opened.map((entry) => JSON.stringify(entry))).size).toBe(1);
        expect(opened[0]).toMatchObject({ room: 'room/one ü', home: 'jp', epoch: 1 });
        expect(names).toContain(opened[0]?.origin);
        await agree('room/one ü', a, b);
      });

      it('get one new origin of several that claim, and all watchers hear of it', async () => {
        const [a, b, far] = [await start('jp'), await start('jp'), await start('us')];
        await a.open('room', 'jp', 'jp-1');
        const seen = watched(far, 'room');
        await stage.until('the first state is told', () => seen.length > 0);
        expect(seen[0]).toMatchObject({ origin: 'jp-1', epoch: 1 });
        const claims = ['jp-2', 'jp-3', 'jp-4'].map((id, n) => (n % 2 ? a : b).claim('room', 1, id));
        const results = await Promise.allSettled(claims);
        const won = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
        expect(won).toHaveLength(1);
        expect(won[0]).toMatchObject({ epoch: 2, home: 'jp' });
        for (const one of results) {
          if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'epoch_conflict', entry: won[0] });
        }
        await stage.until('the far one hears', () => seen.at(-1)?.epoch === 2);
        expect(seen.at(-1)).toEqual(won[0]);
        expect(await a.claim('room', 1, won[0]!.origin)).toEqual(won[0]);
        expect(await codeOf(a.claim('room', 7, 'jp-9'))).toBe('epoch_conflict');
        expect(await codeOf(a.claim('none', 1, 'jp-9'))).toBe('room_unknown');
      });

      it('move to another region, which alone claims them then', async () => {
        const [a, b] = [await start('jp'), await start('us')];
        await a.open('room', 'jp', 'jp-1');
        const seen = [watched(a, 'room'), watched(b, 'room')];
        const moved = await a.move('room', { home: 'us', origin: 'us-1' });
        expect(moved).toEqual({ room: 'room', home: 'us', origin: 'us-1', epoch: 2 });
        await stage.until('both hear', () => seen.every((one) => one.at(-1)?.home === 'us'));
        expect(await b.claim('room', 2, 'us-2')).toMatchObject({ home: 'us', epoch: 3 });
        await agree('room', a, b);
        expect(await a.move('room', { home: 'us', origin: 'us-3' })).toMatchObject({ home: 'us', epoch: 4 });
        expect(await b.move('room', { home: 'jp', origin: 'jp-1' })).toMatchObject({ home: 'jp', epoch: 5 });
        await agree('room', a, b);
      });

      it('are known as closed, and opened anew elsewhere with a higher epoch', async () => {
        const [a, b] = [await start('jp'), await start('us')];
        await a.open('room', 'jp', 'jp-1');
        await a.claim('room', 1, 'jp-2');
        const seen = watched(b, 'room');
        await a.close('room');
        await a.close('room');
        await a.close('never opened');
        await stage.until('the watcher hears', () => seen.at(-1)?.closed === true);
        expect(await codeOf(a.claim('room', 2, 'jp-3'))).toBe('room_unknown');
        expect(await b.open('room', 'us', 'us-1')).toEqual({ room: 'room', home: 'us', origin: 'us-1', epoch: 3 });
        await agree('room', a, b);
        expect(await a.lookup('room')).toMatchObject({ home: 'us', epoch: 3 });
        await b.close('room');
        await stage.until('closed for both', async () => (await a.lookup('room'))?.closed === true);
      });
    });

    it('a room opened anew is not the one that moved away and ended before', async () => {
      const [a, b] = [await start('jp'), await start('us')];
      await a.open('room', 'jp', 'jp-1');
      await a.move('room', { home: 'us', origin: 'us-1' });
      await b.close('room');
      // Over the closed record; what the move left in jp is still there.
      expect(await b.open('room', 'us', 'us-2')).toMatchObject({ home: 'us', origin: 'us-2', epoch: 3 });
      await agree('room', a, b);
      expect(await a.lookup('room')).toMatchObject({ origin: 'us-2', epoch: 3 });
      expect(await a.claim('room', 3, 'us-3')).toMatchObject({ epoch: 4 });
    });

    describe('trouble', () => {
      it('NATS away: what is known goes on, writes fail, and all is well when it is back', async () => {
        const [a, b, far] = [await start('jp'), await start('jp'), await start('us')];
        a.announce(relayEntry('jp-1', 'jp'));
        b.announce(relayEntry('jp-2', 'jp'));
        await a.open('watched', 'jp', 'jp-1');
        await a.open('asked', 'jp', 'jp-1');
        watched(b, 'watched');
        await b.lookup('asked');
        await stage.until('all is known', async () => (await b.lookup('watched')) !== undefined && ids(b).length === 2);

        await stage.copied();
        await stage.away('jp');
        await stage.until('health says so', () => !a.health().connected && !b.health().connected);
        expect(await b.lookup('watched')).toMatchObject({ origin: 'jp-1' });
        expect(await b.lookup('asked')).toMatchObject({ origin: 'jp-1' });
        expect(ids(b)).toEqual(['jp-1', 'jp-2']);
        expect(await codeOf(b.claim('watched', 1, 'jp-2'))).toBe('directory_unavailable');
        expect(await codeOf(b.lookup('unheard of'))).toBe('directory_unavailable');
        expect(await codeOf(b.open('new', 'jp', 'jp-2'))).toBe('directory_unavailable');
        // The other region works, and has its copy.
        expect(await far.open('theirs', 'us', 'us-1')).toMatchObject({ epoch: 1 });
        expect(await far.lookup('watched')).toMatchObject({ origin: 'jp-1' });
        expect(await codeOf(far.claim('watched', 1, 'jp-2'))).toBe('directory_unavailable');

        await stage.back('jp');
        await stage.until('health says so', () => a.health().connected && b.health().connected);
        await stage.until('it takes writes', async () => (await codeOf(b.claim('watched', 1, 'jp-2'))) === 'fulfilled');
        await agree('watched', a, b, far);
        await stage.until('both relays are there', () => ids(a).join() === 'jp-1,jp-2');
      });

      it('a cut ocean: each half works by what it has, also a relay that starts meanwhile', async () => {
        const [a, b] = [await start('jp'), await start('us')];
        a.announce(relayEntry('jp-1', 'jp'));
        b.announce(relayEntry('us-1', 'us'));
        await a.open('room', 'jp', 'jp-1');
        await stage.until('the relays are there', () => ids(b).length === 2);
        await stage.copied();
        await stage.until('they hear each other', () => b.health().reachable['jp'] === true);
        await stage.cut();
        await stage.until('health says so', () => b.health().reachable['jp'] === false);
        const late = await start('us');
        await stage.until('the late one knows the relays', () => ids(late).join() === 'jp-1,us-1');
        expect(await late.lookup('room')).toMatchObject({ home: 'jp', origin: 'jp-1', epoch: 1 });
        expect(await codeOf(late.claim('room', 1, 'us-1'))).toBe('directory_unavailable');
        expect(await a.claim('room', 1, 'jp-2')).toMatchObject({ epoch: 2 });
        expect(await late.open('other', 'us', 'us-1')).toMatchObject({ home: 'us', epoch: 1 });
        const seen = watched(b, 'room');
        await stage.heal();
        await stage.until('the watcher hears what it missed', () => seen.at(-1)?.epoch === 2);
        await agree('other', a, b, late);
      });

      it('one room opened in both halves of a cut becomes the earlier of the two, for good', async () => {
        const [a, b] = [await start('jp'), await start('us')];
        a.announce(relayEntry('jp-1', 'jp'));
        b.announce(relayEntry('us-1', 'us'));
        await stage.until(
          'they hear each other',
          () => b.health().reachable['jp'] === true && a.health().reachable['us'] === true,
        );
        await stage.cut();
        expect(await a.open('room', 'jp', 'jp-1')).toMatchObject({ home: 'jp', epoch: 1 });
        expect(await b.open('room', 'us', 'us-1')).toMatchObject({ home: 'us', epoch: 1 });
        await b.claim('room', 1, 'us-2');
        await b.claim('room', 2, 'us-1');
        const [seenA, seenB] = [watched(a, 'room'), watched(b, 'room')];
        await stage.until(
          'the halves were noticed',
          () => b.health().reachable['jp'] === false && a.health().reachable['us'] === false,
        );
        await stage.heal();
        await stage.until('both are told of the same', () => {
          const [last, other] = [seenA.at(-1), seenB.at(-1)];
          return last?.home === other?.home && last?.epoch === other?.epoch && (last?.epoch ?? 0) > 3;
        });
        const entry = (await a.lookup('room'))!;
        expect(entry.home).toBe('jp');
        expect(await b.lookup('room')).toEqual(entry);
        // The epochs that a watcher is told of grow, across both rooms.
        for (const seen of [seenA, seenB]) {
          const last = seen.at(-1)!;
          expect(seen.slice(0, -1).every(({ epoch }) => epoch < last.epoch)).toBe(true);
        }
        await a.close('room');
        await stage.until('closed for all: the other one does not come back', async () => {
          const both = await Promise.all([a.lookup('room'), b.lookup('room')]);
          return both.every((one) => one?.closed === true);
        });
      });
    });
  });
}
