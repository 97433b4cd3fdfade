// Child of the fanout bench: the engine with one room. Sessions on /pub publish, sessions on /sub listen.
import { openEngine } from '@hayate/engine';

const engine = openEngine();
const room = engine.createRoom({ alias: 1, maxMembers: 100_000 });

function answer(question: string, value: unknown): void {
  process.send?.({ answer: question, value });
}

/** Blocks this thread like a long garbage collection or a slow handler would. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** `times` stalls a second apart; the longest turn of the event loop seen meanwhile, ms. */
function stall(ms: number, times: number): Promise<number> {
  return new Promise((resolve) => {
    let left = times;
    let longest = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 10);
    const timer = setInterval(() => {
      if (left-- > 0) return block(ms);
      clearInterval(timer);
      clearInterval(watch);
      resolve(Math.round(longest));
    }, 1000);
  });
}

process.on('message', async (message: { ask: string; viewers: number; ms: number; times: number }) => {
  if (message.ask === 'listen') {
    const listener = await engine.listen({
      host: '127.0.0.1',
      certificate: { selfSigned: { names: ['localhost'] } },
      paths: ['/pub', '/sub'],
      maxSessions: message.viewers + 10,
      retryAbove: 100_000,
      datagrams: 'room',
    });
    answer('listen', {
      port: listener.address.port,
      hash: Buffer.from(listener.certificateHashes[0] ?? []).toString('hex'),
    });
    let slot = 0;
    for await (const session of listener.sessions) {
      if (session.path === '/sub') room.join(session);
      else void room.publish(session, slot++, 1).catch(() => {});
    }
  }
  if (message.ask === 'stall') answer('stall', await stall(message.ms, message.times));
  if (message.ask === 'collect') {
    globalThis.gc?.();
    answer('collect', null);
  }
  if (message.ask === 'stats') answer('stats', await engine.getStats());
});
