import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRoom } from '@hayate/client';
import { engineAvailable } from '@hayate/engine';
import { afterAll, expect, it } from 'vitest';
import { spansIn, traceFaults } from '../relay/test/spans.ts';
import { startCluster } from './cluster-rig.ts';

const engine = engineAvailable();
if (!engine.ok) console.log(`SKIPPED trace of a hand-over: ${engine.reason}`);
const dir = mkdtempSync(join(tmpdir(), 'hayate-hand-over-trace-'));
afterAll(() => rmSync(dir, { recursive: true }));

it.skipIf(!engine.ok)(
  'a room that gets another origin is one trace over both relays, a drain one of its own',
  async () => {
    const file = join(dir, 'spans.jsonl');
    const rig = await startCluster({ jp: 2 }, { telemetry: { traces: { file, joins: 0 } } });
    const rooms = ['jp-1', 'jp-2'].map((relay) =>
      connectRoom(rig.target(relay, { sub: `at-${relay}` }), { connector: rig.connector }),
    );
    const named = (name: string) => spansIn(file).filter((span) => span.name === name);
    try {
      // The first to ask has the room.
      await rooms[0]!.ready;
      await rooms[1]!.ready;
      await rig.relay('jp-1').drain({ deadlineMs: 3000 });
      await expect.poll(() => named('room.take').length, { timeout: 10_000 }).toBe(1);
      const spans = [...named('room.hand_over'), ...named('room.take')];
      expect(traceFaults(spans)).toEqual([]);
      expect(spans.map(({ by }) => by['service.instance.id'])).toEqual(['jp-1', 'jp-2']);
      expect(spans[0]!.attributes).toEqual({ 'hayate.room': 'r', 'hayate.former': 'jp-1', 'hayate.to': 'jp-2' });
      expect(named('relay.drain')).toMatchObject([{ attributes: { 'hayate.sessions': 1, 'hayate.rooms': 1 } }]);
    } finally {
      for (const room of rooms) room.close();
      await rig.close();
    }
  },
  60_000,
);
