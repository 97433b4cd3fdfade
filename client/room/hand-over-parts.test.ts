import type { HayateError } from '@hayate/codec/errors';
import { describe, expect, it } from 'vitest';
import { FakeGifts } from '../test/fake-gifts.ts';
import { Feed } from '../test/feed.ts';
import { heard, stage } from '../test/stage.ts';

describe('what goes from relay to relay', () => {
  it('a publisher has its slot at the second before it leaves the first', async () => {
    const { cluster, target } = stage('room of jp');
    for (const relay of cluster.relays) {
      relay.script.answer = (message) =>
        message.t === 'publish'
          ? { t: 'publishing', id: message.id, slot: 2, gen: cluster.relays.indexOf(relay) + 7 }
          : { t: 'done', id: message.id };
    }
    const publisher = cluster.entry.publish(target);
    const lives: number[] = [];
    const errors: HayateError[] = [];
    publisher.on('live', ({ generation }) => lives.push(generation));
    publisher.on('interrupted', (error) => errors.push(error));
    const moved = heard(publisher.room, 'moved');
    const sendFor = async (ms: number) => {
      let refused = 0;
      for (let passed = 0; passed < ms; passed += 20) {
        if (!publisher.motion({ face: true, values: new Float32Array(61).fill(0.5) }, publisher.room.nowUs()))
          refused += 1;
        await cluster.advance(20);
      }
      return refused;
    };
    await cluster.advance(500);
    const first = cluster.at(publisher.room.relay!.url);
    first.last.send({ t: 'draining', deadlineMs: 2_000 });
    // Not one frame had nowhere to go.
    expect(await sendFor(3_000)).toBe(0);
    expect(moved).toHaveLength(1);
    expect(errors).toEqual([]);
    const second = cluster.at(publisher.room.relay!.url);
    expect(second).not.toBe(first);
    expect(lives).toEqual([cluster.relays.indexOf(first) + 7, cluster.relays.indexOf(second) + 7]);
    const media = (relay: typeof first) =>
      relay.sessions.flatMap(({ datagrams }) => datagrams).filter((data) => data[0] === 1);
    expect(media(first).length + media(second).length).toBe(150);
    // A key comes first: nobody there has the frame before.
    expect(media(second)[0]![11]! & 0b100).toBe(0b100);
    const closed = publisher.close();
    await cluster.advance(100);
    await closed;
  });

  it('a publisher that the second refuses is over once the room is there, and not before', async () => {
    const { cluster, target } = stage('room of jp');
    const room = cluster.entry.connectRoom(target);
    const publisher = cluster.entry.publish(room);
    const errors: string[] = [];
    publisher.on('interrupted', ({ code }) => errors.push(code));
    await cluster.advance(500);
    const first = cluster.at(room.relay!.url);
    for (const relay of cluster.relays) {
      if (relay !== first)
        relay.script.answer = ({ id }) => ({ t: 'error', id, code: 'not_permitted', message: '', retryable: false });
    }
    first.last.send({ t: 'draining', deadlineMs: 1_000 });
    await cluster.advance(200);
    expect(publisher.live).toBe(true);
    await cluster.advance(500);
    expect(cluster.at(room.relay!.url)).not.toBe(first);
    expect([publisher.live, errors]).toEqual([false, ['not_permitted']]);
    expect(room.state).toBe('open');
    room.close();
  });

  it('a publisher that went ahead comes back when the room cannot follow', async () => {
    const { cluster, target } = stage('room of jp');
    for (const [n, relay] of cluster.relays.entries()) {
      relay.script.answer = (message) =>
        message.t === 'publish'
          ? { t: 'publishing', id: message.id, slot: 3, gen: 10 + n }
          : { t: 'done', id: message.id };
    }
    const room = cluster.entry.connectRoom(target);
    const publisher = cluster.entry.publish(room);
    const watcher = cluster.entry.watch(room);
    const lives: number[] = [];
    publisher.on('live', ({ generation }) => lives.push(generation));
    // Only the first relay has the liver that is watched.
    await cluster.advance(500);
    const first = cluster.relays.indexOf(cluster.at(room.relay!.url));
    const feed = new Feed([cluster.relays[first]!], { slot: 2, generation: 7 });
    await feed.run(500);
    cluster.relays[first]!.last.send({ t: 'draining', deadlineMs: 1_000 });
    await feed.run(4_000);
    expect(cluster.relays.indexOf(cluster.at(room.relay!.url))).toBe(first);
    expect(lives[0]).toBe(10 + first);
    expect(lives[1]).not.toBe(10 + first);
    expect(lives).toContain(10 + first);
    expect(lives.indexOf(10 + first, 1)).toBe(2);
    watcher.close();
    room.close();
  });

  it('comments go on after the last one, what was asked before is answered there, gifts are sent again', async () => {
    const { cluster, target } = stage('room of jp');
    const gifts = new FakeGifts();
    let fates = 0;
    gifts.fate = () => (fates++ === 0 ? 'lost' : 'answered');
    for (const relay of cluster.relays) relay.script.gifts = gifts;
    const room = cluster.entry.connectRoom(target);
    const texts: string[] = [];
    room.on('comment', ({ text }) => texts.push(text));
    await cluster.advance(500);
    const first = cluster.at(room.relay!.url);
    const stayed = first.last;
    stayed.sendComment({ t: 'comments', after: 40 });
    stayed.sendComment({ t: 'comment', n: 41, sub: 'bo', text: 'one', at: 1 });
    let asked: number | undefined;
    first.script.answer = (message) => {
      if (message.t === 'comment') asked = message.id;
      return undefined;
    };
    const comment = room.comment('on its way');
    const gift = room.gift('ticket');
    await cluster.advance(100);
    stayed.send({ t: 'draining', deadlineMs: 500 });
    await cluster.advance(400);
    const second = cluster.at(room.relay!.url);
    expect(second).not.toBe(first);
    expect(second.last.received).toContainEqual({ t: 'comments', after: 41, early: true });
    stayed.sendComment({ t: 'done', id: asked!, n: 42 });
    second.last.sendComment({ t: 'comment', n: 42, sub: 'ann', text: 'on its way', at: 2 });
    await cluster.advance(100);
    expect(await comment).toEqual({ number: 42 });
    expect(await gift).toMatchObject({ number: 1, repeat: true });
    expect(texts).toEqual(['one', 'on its way']);
    room.close();
  });
});
