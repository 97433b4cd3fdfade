import { describe, expect, it } from 'vitest';
import { directoryContract } from '../test/directory-contract.ts';
import { memoryStage, relayEntry } from '../test/directory-stage.ts';

directoryContract('memory', async () => memoryStage());

describe('copies that are behind', () => {
  it('hide no room, and mislead no watcher', async () => {
    const stage = memoryStage({ copiesBehindMs: 0 });
    const { directory: jp } = await stage.directory('jp');
    await jp.open('old', 'jp', 'jp-1');
    stage.cloud.holdCopies(true);
    await jp.claim('old', 1, 'jp-2');
    await jp.open('new', 'jp', 'jp-1');
    const { directory: us } = await stage.directory('us');
    expect(await us.lookup('new')).toMatchObject({ origin: 'jp-1' });
    expect(await us.open('new', 'us', 'us-1')).toMatchObject({ home: 'jp', origin: 'jp-1' });
    // A glance may be behind, as the copy is; who watches is put right.
    expect(await us.lookup('old')).toMatchObject({ origin: 'jp-1', epoch: 1 });
    const told: number[] = [];
    us.watch('old', ({ epoch }) => told.push(epoch));
    await stage.until('it is put right', () => told.at(-1) === 2);
    expect(await us.lookup('old')).toMatchObject({ origin: 'jp-2', epoch: 2 });
    await stage.stop();
  });

  it('are not asked for a while after a start', async () => {
    const stage = memoryStage();
    const { directory: jp } = await stage.directory('jp');
    await jp.open('room', 'jp', 'jp-1');
    stage.cloud.holdCopies(true);
    await jp.claim('room', 1, 'jp-2');
    const { directory: us } = await stage.directory('us');
    expect(await us.lookup('room')).toMatchObject({ origin: 'jp-2', epoch: 2 });
    await stage.stop();
  });
});

describe('an order to drain', () => {
  it('reaches the relay that it is for, from any region, and no other', async () => {
    const stage = memoryStage();
    const [{ directory: jp }, { directory: us }] = [await stage.directory('jp'), await stage.directory('us')];
    const told: string[] = [];
    const stop = jp.onDrainOrder('jp-1', () => told.push('jp-1'));
    jp.onDrainOrder('jp-2', () => told.push('jp-2'));
    us.orderDrain({ id: 'jp-1', region: 'jp' });
    await stage.until('it is heard', () => told.length > 0);
    stop();
    us.orderDrain({ id: 'jp-1', region: 'jp' });
    jp.orderDrain({ id: 'jp-2', region: 'jp' });
    await stage.until('the other one', () => told.includes('jp-2'));
    expect(told).toEqual(['jp-1', 'jp-2']);
    await stage.stop();
  });
});

describe('heartbeats', () => {
  it.each([10, 20, 40])('cost one sent and twelve heard a relay and second among 2 x %i', async (count) => {
    const stage = memoryStage();
    for (const region of ['jp', 'us']) {
      for (let n = 0; n < count; n++) {
        const { directory } = await stage.directory(region);
        directory.announce(relayEntry(`${region}-${n}`, region));
      }
    }
    await stage.until('all are told', () => stage.cloud.counts.writes === 2 * count);
    await stage.pass(2000);
    const before = { ...stage.cloud.counts };
    await stage.pass(10_000);
    const { counts } = stage.cloud;
    expect(counts.heartbeatsSent - before.heartbeatsSent).toBe(2 * count * 10);
    expect(counts.heartbeatsDelivered - before.heartbeatsDelivered).toBe(2 * count * 10 * 12);
    expect(counts.writes).toBe(before.writes);
    await stage.stop();
  });
});
