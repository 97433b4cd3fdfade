// The room of faults/witness.ts, in a process of its own.
import { setTimeout as sleep } from 'node:timers/promises';
import { openEngine } from '@hayate/engine';
import { MediaCrowd } from './media-crowd.ts';
import { Livers } from './media-livers.ts';
import type { Witnessed, WitnessPlan } from './witness.ts';

const FLOWING_MS = 400;
const LIMIT_MS = 20_000;

const engine = openEngine();
const livers = new Livers();
let crowd: MediaCrowd;

async function enter({ room, relays, keyFile, liverAt, viewersAt, viewers }: WitnessPlan): Promise<void> {
  // Of one relay each, or some of them were at the one that dies: its load is only advice.
  crowd = new MediaCrowd(room, { engine, livers, relays, keyFile, alone: true });
  const at = (id: string) => relays.find((relay) => relay.id === id)!;
  await crowd.live(at(liverAt), 'mio');
  for (const id of viewersAt) await crowd.watch(at(id), viewers);
  for (const until = performance.now() + LIMIT_MS; !crowd.flows(FLOWING_MS); await sleep(20)) {
    if (performance.now() > until) throw new Error(`media of ${room} does not reach everybody`);
  }
}

const answers = {
  enter: ({ plan }: { plan: WitnessPlan }) => enter(plan),
  begin: () => crowd.begin(),
  seen: (): Witnessed => ({ ...crowd.frozen(), lagMs: crowd.lagP99() }),
};

process.on('message', async (message: { ask: keyof typeof answers; plan: WitnessPlan }) => {
  const value = await answers[message.ask](message);
  process.send!({ answer: message.ask, value });
});
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
process.on('exit', () => livers.end());
