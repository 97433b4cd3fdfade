import type { RelayMessage } from '@hayate/codec/messages';
import { describe, expect, it } from 'vitest';
import type { RelayCandidate, RelaysAsked } from '../src/types.ts';
import { FakeCluster } from '../test/fake-cluster.ts';
import { Feed } from '../test/feed.ts';
import { heard, JP, stage, US, watched } from '../test/stage.ts';

describe('several relays', () => {
  it('takes the nearest, knows a second, and closes what it tried', async () => {
    const cluster = new FakeCluster([
      { up: US, down: US },
      { up: JP, down: JP },
      { up: US, down: US },
    ]);
    const room = cluster.entry.connectRoom(cluster.target((n) => ({ region: `region ${n}` })));
    const relays = heard(room, 'relay');
    await cluster.advance(1_500);
    expect(relays).toMatchObject([{ url: 'https://r1/v1', id: 'r1', region: 'region 1' }]);
    // A round trip, in steps of the test's time.
    expect(Math.abs(relays[0]!.connectMs - 22)).toBeLessThan(5);
    expect(room.relay).toEqual(relays[0]);
    expect(cluster.relays.map(({ dialled }) => dialled.length)).toEqual([1, 1, 1]);
    // Those that lost said nothing and are gone.
    expect(cluster.relays.map(({ sessions }) => sessions.map(({ received }) => received.length))).toEqual([
      [0],
      [1],
      [0],
    ]);
    expect(cluster.relays.map(({ sessions }) => sessions.map(({ transport }) => transport.core.state))).toEqual([
      ['ended'],
      ['open'],
      ['ended'],
    ]);
    room.close();
    await cluster.advance(1_000);
    expect(cluster.timers).toBe(0);
  });

  it('asks a function for the list, and does without where it does not answer', async () => {
    const { cluster, target } = stage(undefined);
    const asked: number[] = [];
    const relays = async () => {
      asked.push(cluster.environment.nowMs());
      return target.relays as never;
    };
    const room = cluster.entry.connectRoom({ ...target, url: 'https://r2/v1', relays });
    const alone = cluster.entry.connectRoom({ ...target, relays: () => new Promise(() => {}) });
    await cluster.advance(1_500);
    expect(room.relay?.region).toBe('jp');
    expect(alone.relay?.url).toBe('https://r0/v1');
    expect(asked).toHaveLength(1);
    // And now and then again: relays come and go.
    await cluster.advance(460_000);
    expect(asked.length).toBeGreaterThanOrEqual(2);
    expect(asked.length).toBeLessThanOrEqual(5);
    room.close();
    alone.close();
  });

  it.each([
    ['one stream', 'room of jp'],
    ['another one', undefined],
  ])('goes over to the second while the first still flows, as %s', async (_, numbering) => {
    const { cluster, target } = stage(numbering);
    const watcher = cluster.entry.watch(target);
    const { room } = watcher;
    const moved = heard(room, 'moved');
    const states = heard(room, 'state');
    // With numbers of their own, the relays have different livers' sequences.
    const feeds = numbering
      ? [new Feed(cluster.relays, { slot: 2, generation: 7 })]
      : cluster.relays.map((relay) => new Feed([relay], { slot: 2, generation: 7 }));
    const run = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 20) {
        for (const feed of feeds.slice(1)) await feed.run(0.001);
        await feeds[0]!.run(20);
      }
    };
    const { frames, voices, frozenMs } = watched(watcher);
    await run(1_000);
    const first = cluster.at(room.relay!.url);
    const before = watcher.playout(2);
    const relayBefore = room.relay!.url;
    first.last.send({ t: 'draining', deadlineMs: 2_000 });
    await run(3_000);
    expect(moved).toHaveLength(1);
    expect(moved[0]).toMatchObject({
      from: { url: relayBefore },
      reason: { code: 'draining' },
      continuous: numbering !== undefined,
    });
    expect(moved[0]!.overlapMs).toBeGreaterThan(0);
    expect(room.relay).toEqual(moved[0]!.to);
    expect(room.relay!.region).toBe('jp');
    expect(states.map(({ state }) => state)).toEqual(['open']);
    // The one that was left is closed, and was not before the other one flowed.
    expect(first.last.transport.core.state).toBe('ended');
    expect(frozenMs()).toBeLessThan(numbering ? 60 : 100);
    if (numbering) {
      // Each unit once, none missing, shown by the same playout.
      expect(frames.map(({ sequence }) => sequence)).toEqual(frames.map((__, n) => frames[0]!.sequence + n));
      expect(voices.map(({ sequence }) => sequence)).toEqual(voices.map((__, n) => voices[0]!.sequence + n));
      expect(watcher.playout(2)).toBe(before);
      expect(watcher.stats().slots.get(2)!.motion.lost).toBe(0);
    } else {
      expect(watcher.playout(2)).not.toBe(before);
    }
    watcher.close();
    await cluster.advance(1_000);
    expect(cluster.timers).toBe(0);
  });

  it('without a second relay, a relay that goes is a pause (negative control)', async () => {
    const { cluster, target } = stage('room of jp');
    const { relays: _, ...alone } = target;
    const watcher = cluster.entry.watch(alone, { retryMs: 1 });
    const feed = new Feed(cluster.relays, { slot: 2, generation: 7 });
    const { frozenMs } = watched(watcher);
    await feed.run(1_000);
    cluster.relays[0]!.deaf = true;
    cluster.relays[0]!.last.send({ t: 'draining', deadlineMs: 2_000 });
    await feed.run(4_000);
    cluster.relays[0]!.deaf = false;
    await feed.run(8_000);
    expect(watcher.room.state).toBe('open');
    expect(frozenMs()).toBeGreaterThan(1_000);
    watcher.close();
  });

  it.each([
    ['the list was not answered the first time', 1],
    ['the list is young, and all in it are going', 0],
  ])('asks again who is there when %s', async (_, unanswered) => {
    const { cluster, target } = stage('room of jp');
    const [first, second] = cluster.relays as [(typeof cluster.relays)[0], (typeof cluster.relays)[0]];
    const all = target.relays as readonly RelayCandidate[];
    const of = (relay: typeof first) => all.find(({ url }) => cluster.at(url) === relay)!;
    // What is there: at first one relay alone.
    let there = [of(first)];
    let silent = 0;
    let asked = 0;
    const relays = () => {
      asked += 1;
      if (silent-- > 0) return new Promise<RelayCandidate[]>(() => {});
      return Promise.resolve(there);
    };
    const watcher = cluster.entry.watch({ ...target, url: of(first).url, relays });
    const moved = heard(watcher.room, 'moved');
    // Longer than a list is young, or not as long.
    await cluster.advance(unanswered > 0 ? 20_000 : 5_000);
    there = [of(first), of(second)];
    silent = unanswered;
    const before = asked;
    // It takes nobody new.
    first.deaf = true;
    first.last.send({ t: 'draining', deadlineMs: 4_000 });
    await cluster.advance(6_000);
    expect(asked).toBeGreaterThan(before);
    expect(moved.map(({ to }) => to.url)).toEqual([of(second).url]);
    watcher.close();
  });

  it('stays when the second brings nothing, and takes the third', async () => {
    const { cluster, target } = stage('room of jp');
    const watcher = cluster.entry.watch(target);
    const { room } = watcher;
    const moved = heard(room, 'moved');
    const feed = new Feed(cluster.relays, { slot: 2, generation: 7 });
    const { frozenMs } = watched(watcher);
    await feed.run(1_000);
    const first = cluster.at(room.relay!.url);
    const second = cluster.relays.find((relay, n) => relay !== first && n < 2)!;
    // It welcomes, says yes, and no media comes.
    second.script.answer = (message) => (message.t === 'watch' ? undefined : { t: 'done', id: message.id });
    second.script.welcome = { ...second.script.welcome, livers: [] };
    first.last.send({ t: 'draining', deadlineMs: 10_000 });
    await feed.run(8_000);
    expect(moved).toMatchObject([{ to: { region: 'us' } }]);
    expect(second.last.transport.core.state).toBe('ended');
    expect(frozenMs()).toBeLessThan(200);
    watcher.close();
  });

  it('goes on at the second 600 ms after the first fell silent', async () => {
    const { cluster, target } = stage('room of jp');
    const watcher = cluster.entry.watch(target);
    const { room } = watcher;
    const states = heard(room, 'state');
    const relays = heard(room, 'relay');
    const moved = heard(room, 'moved');
    const feed = new Feed(cluster.relays, { slot: 2, generation: 7 });
    const { frames, frozenMs } = watched(watcher);
    await feed.run(2_000);
    const playout = watcher.playout(2);
    cluster.at(room.relay!.url).dead = true;
    await feed.run(3_000);
    expect(states.map(({ state, error }) => error?.code ?? state)).toEqual(['open', 'connection_lost', 'open']);
    expect(relays.map(({ region }) => region)).toEqual(['jp', 'jp']);
    expect(relays[0]!.url).not.toBe(relays[1]!.url);
    const [from, to] = relays;
    expect(moved).toMatchObject([{ from, to, reason: { code: 'connection_lost' }, overlapMs: 0, continuous: true }]);
    // 600 to 750 to notice, up to 250 of jitter (here 125), four round trips of 20 ms.
    expect(frozenMs()).toBeGreaterThan(600);
    expect(frozenMs()).toBeLessThan(1_000);
    // One stream before and after: nothing is shown twice.
    expect(frames.every(({ sequence }, n) => n === 0 || sequence > frames[n - 1]!.sequence)).toBe(true);
    expect(watcher.playout(2)).toBe(playout);
    watcher.close();
  });

  it.each([
    ['goes where the fleet sends it when its relay died, if it answers in time', 100, true],
    ['and to one that it knows if not (negative control)', 400, false],
  ])('%s', async (_, answerMs, sent) => {
    const { cluster, target } = stage('room of jp');
    const asked: (string | undefined)[] = [];
    const list = target.relays as readonly RelayCandidate[];
    const relays = ({ left }: RelaysAsked) => {
      asked.push(left);
      if (left === undefined) return Promise.resolve(list.slice(0, 2));
      return new Promise<RelayCandidate[]>((resolve) => {
        // As near as the others, as far as is known.
        const chosen = { ...list[2]!, region: 'jp', placed: true };
        cluster.environment.setTimer(() => resolve([chosen, ...list.slice(0, 2)]), answerMs);
      });
    };
    const room = cluster.entry.connectRoom({ ...target, relays, relaysWaitMs: 200 });
    // The list is not asked for again while it is young.
    await cluster.advance(20_000);
    const url = room.relay!.url;
    expect(asked.every((left) => left === undefined)).toBe(true);
    cluster.at(url).dead = true;
    await cluster.advance(2_000);
    expect(asked.at(-1)).toBe(url);
    expect(room.relay!.url === 'https://r2/v1').toBe(sent);
    expect(room.relay!.url).not.toBe(url);
    expect(room.state).toBe('open');
    room.close();
  });

  it('without a second relay, a dead one is the end of it (negative control)', async () => {
    const { cluster, target } = stage('room of jp');
    const { relays: _, ...alone } = target;
    const watcher = cluster.entry.watch(alone);
    await new Feed(cluster.relays, { slot: 2, generation: 7 }).run(1_000);
    cluster.relays[0]!.dead = true;
    await cluster.advance(5_000);
    expect(watcher.room.state).toBe('reconnecting');
    watcher.close();
  });

  it('comes back to its old place when it was the network that was away', async () => {
    const { cluster, target } = stage('room of jp');
    for (const [n, relay] of cluster.relays.entries()) {
      relay.script.welcome = { ...relay.script.welcome, resume: `place ${n}` };
    }
    // The old relay is nearer.
    const room = cluster.entry.connectRoom(target);
    await cluster.advance(1_000);
    const url = room.relay!.url;
    for (const relay of cluster.relays) relay.script.heartbeats = false;
    await cluster.advance(700);
    for (const relay of cluster.relays) relay.script.heartbeats = true;
    await cluster.advance(1_000);
    const hello = cluster.at(room.relay!.url).last.received[0];
    // Either is right; a place is resumed at its own relay only.
    expect(hello).toMatchObject({ t: 'hello' });
    expect(hello && 'resume' in hello ? hello.resume : undefined).toBe(
      room.relay!.url === url ? `place ${Number(url.slice(9, 10))}` : undefined,
    );
    room.close();
  });

  it('tries the third while the second does not answer', async () => {
    const { cluster, target } = stage('room of jp');
    const room = cluster.entry.connectRoom(target);
    await cluster.advance(3_500);
    for (const relay of cluster.relays.slice(0, 2)) relay.dead = true;
    await cluster.advance(2_000);
    expect(room.state).toBe('open');
    expect(room.relay?.region).toBe('us');
    room.close();
  });

  it('a relay that dies while its second is being joined hands over at once', async () => {
    const { cluster, target } = stage('room of jp');
    const watcher = cluster.entry.watch(target);
    const { room } = watcher;
    const moved = heard(room, 'moved');
    const feed = new Feed(cluster.relays, { slot: 2, generation: 7 });
    await feed.run(1_000);
    const first = cluster.at(room.relay!.url);
    const second = cluster.relays.find((relay, n) => relay !== first && n < 2)!;
    // Late with its answer, so that the first one's end comes before.
    const answers: (() => void)[] = [];
    second.script.answer = (message) => {
      answers.push(() => second.last.send({ t: 'done', id: message.id } as RelayMessage));
      return undefined;
    };
    first.last.send({ t: 'draining', deadlineMs: 200 });
    await feed.run(200);
    expect(room.relay!.url).not.toBe(undefined);
    first.last.transport.close({ closeCode: 501, reason: 'gone' });
    await feed.run(40);
    expect(moved).toMatchObject([{ reason: { code: 'draining' }, overlapMs: 0 }]);
    for (const answer of answers) answer();
    await feed.run(500);
    expect(room.state).toBe('open');
    await watcher.ready;
    watcher.close();
  });

  it('a kick ends it, whatever else is under way', async () => {
    const { cluster, target } = stage('room of jp');
    const watcher = cluster.entry.watch(target);
    const { room } = watcher;
    const feed = new Feed(cluster.relays, { slot: 2, generation: 7 });
    await feed.run(1_000);
    const first = cluster.at(room.relay!.url);
    first.last.send({ t: 'draining', deadlineMs: 200 });
    await cluster.advance(110);
    first.last.transport.close({ closeCode: 303, reason: 'kicked' });
    await cluster.advance(1_000);
    expect(await room.closed).toMatchObject({ code: 'kicked' });
    expect(cluster.timers).toBe(0);
  });
});
