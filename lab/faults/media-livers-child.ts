// Livers of faults/media-livers.ts, in a process of their own.
import { type Publisher, publish, type RelayCandidate, type RelayTarget } from '@hayate/client';
import { openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import type { ToLivers, ToStage } from './media-livers.ts';

const FACE = { face: true, values: new Float32Array(61).fill(0.5) };
const PACKET = Uint8Array.of(248, 255, 254);

const engine = openEngine();
const livers = new Map<number, { publisher: Publisher; timers: NodeJS.Timeout[] }>();
const asked = new Map<number, (relays: RelayCandidate[]) => void>();
let asks = 0;
let heldMs = 0;

const tell = (message: ToStage) => process.send!(message);

function every(ms: number, run: () => void): NodeJS.Timeout {
  let lastMs = performance.now();
  return setInterval(() => {
    const nowMs = performance.now();
    if (nowMs - lastMs - ms > heldMs) {
      heldMs = nowMs - lastMs - ms;
      tell({ said: 'held', ms: heldMs });
    }
    lastMs = nowMs;
    run();
  }, ms);
}

async function live({ id, target, relays, link, fps, voiceMs }: Extract<ToLivers, { do: 'live' }>): Promise<void> {
  const ask = () =>
    new Promise<RelayCandidate[]>((resolve) => {
      const number = asks++;
      asked.set(number, resolve);
      tell({ said: 'relays', id, ask: number });
    });
  const to: RelayTarget = { ...target, relays: relays ?? ask };
  const publisher = publish(to, {
    connector: engineConnector(engine, { link }),
    motion: { fps },
    ...(voiceMs !== undefined && { voice: { channels: 1, frameMs: voiceMs } }),
  });
  await publisher.ready;
  const { room } = publisher;
  const timers = [every(1000 / fps, () => publisher.motion(FACE, room.nowUs()))];
  if (voiceMs !== undefined) timers.push(every(voiceMs, () => publisher.voice(PACKET, room.nowUs())));
  livers.set(id, { publisher, timers });
}

async function close(ids: readonly number[]): Promise<void> {
  const going = ids.flatMap((id) => livers.get(id) ?? []);
  for (const id of ids) livers.delete(id);
  for (const { timers } of going) for (const timer of timers) clearInterval(timer);
  await Promise.all(going.map(({ publisher }) => publisher.close().catch(() => {})));
}

process.on('message', (message: ToLivers) => {
  switch (message.do) {
    case 'live':
      live(message).then(
        () => tell({ said: 'live', id: message.id }),
        (error: unknown) => tell({ said: 'live', id: message.id, error: String(error) }),
      );
      return;
    case 'relays':
      asked.get(message.ask)?.(message.relays);
      asked.delete(message.ask);
      return;
    case 'begin':
      heldMs = 0;
      return;
    case 'close':
      void close(message.ids).then(() => tell({ said: 'closed', ids: message.ids }));
  }
});
process.on('disconnect', () => process.exit(0));
