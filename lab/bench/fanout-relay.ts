// Child of the fanout bench: the engine with one room. Sessions on /pub publish, sessions on /sub listen.
import { openEngine } from '@hayate/engine';

const engine = openEngine();
const room = engine.createRoom({ alias: 1, maxMembers: 100_000 });

function answer(question: string, value: unknown): void {
  process.send?.({ answer: question, value });
}

process.on('message', async (message: { ask: string; viewers: number }) => {
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
  if (message.ask === 'stats') answer('stats', await engine.getStats());
});
