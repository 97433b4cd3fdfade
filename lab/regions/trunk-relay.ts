// Child of the trunk bench: one relay's engine with rooms. Livers come on /pub?n, viewers on /sub?n, a trunk on /trunk.
import { type EngineListener, type EngineRoom, type EngineSession, openEngine } from '@hayate/engine';
import type { Class, Hop, RelayQuestion } from './trunk-plan.ts';

const engine = openEngine();
const rooms: EngineRoom[] = [];
const viewers: { room: EngineRoom; session: EngineSession }[] = [];
let trunk: EngineSession | undefined;

const SLOT = 0;

async function listen(livers: boolean, hop: Hop): Promise<EngineListener> {
  const listener = await engine.listen({
    host: '127.0.0.1',
    certificate: { selfSigned: {} },
    paths: ['/pub', '/sub', '/trunk'],
    retryAbove: 100_000,
    datagrams: 'room',
    limits: { rateCeilingKbps: hop.ceilingKbps, datagramQueueBytes: hop.queueBytes, trunkFlushMs: hop.flushMs },
  });
  void accept(listener, livers);
  return listener;
}

async function accept(listener: EngineListener, livers: boolean): Promise<void> {
  for await (const session of listener.sessions) {
    const { pathname, search } = new URL(session.path ?? '/', 'https://relay');
    const room = rooms[Number(search.slice(1))];
    if (pathname === '/trunk') trunk = asTrunk(session);
    else if (!room) session.close();
    else if (pathname === '/sub') {
      viewers.push({ room, session });
      room.join(session);
    } else if (livers) void room.publish(session, SLOT, 1).catch(() => {});
  }
}

function asTrunk(session: EngineSession): EngineSession {
  session.setDatagramMode('trunk');
  return session;
}

/** The far relay dials the near one and feeds its rooms with what comes. */
async function dial({ port, hash, hop, seed }: RelayQuestion['dial']): Promise<void> {
  const burst = { goodMs: hop.burstMs * (1 / hop.loss - 1), badMs: hop.burstMs };
  const way = (n: number) => ({ delayMs: hop.oceanMs, jitterMs: hop.jitterMs, burst, seed: seed + n });
  const session = engine.connect(`https://127.0.0.1:${port}/trunk`, {
    serverCertificateHashes: [{ algorithm: 'sha-256', value: Buffer.from(hash, 'hex') }],
    limits: { rateCeilingKbps: hop.ceilingKbps, datagramQueueBytes: hop.queueBytes, trunkFlushMs: hop.flushMs },
    link: { tx: way(0), rx: way(1) },
  });
  await session.ready;
  trunk = asTrunk(session);
  while ((await session.getStats())['trunk_synced'] !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
  for (const [n, room] of rooms.entries()) room.feed(session, n + 1, 255);
}

/** The trunk hears the rooms of the near relay. */
function pull(delivery: Class): void {
  if (!trunk) throw new Error('no trunk');
  for (const room of rooms) {
    room.join(trunk);
    room.setClass(trunk, { voice: 1, holdMs: 0, layer: 'all', slots: 255, ...delivery });
  }
}

function unpull(): void {
  for (const room of rooms) if (trunk) room.leave(trunk);
}

/** The viewers of this relay hear their rooms, or no more. */
function listening(on: boolean): void {
  for (const { room, session } of viewers) {
    if (on) room.join(session);
    else room.leave(session);
  }
}

async function stats() {
  const slots = await Promise.all(rooms.map((room) => room.getSlotStats(SLOT)));
  return { engine: await engine.getStats(), trunk: await trunk?.getStats(), slots };
}

process.on(
  'message',
  async (
    message: { ask: string } & RelayQuestion['listen'] & RelayQuestion['dial'] & RelayQuestion['listening'] & Class,
  ) => {
    const answer = (value: unknown) => process.send?.({ answer: message.ask, value });
    if (message.ask === 'listen') {
      for (let n = 0; n < message.rooms; n += 1) rooms.push(engine.createRoom({ alias: message.firstAlias + n }));
      const listener = await listen(message.livers, message.hop);
      const hash = Buffer.from(listener.certificateHashes[0]!).toString('hex');
      answer({ port: listener.address.port, hash });
    }
    if (message.ask === 'dial') answer(await dial(message));
    if (message.ask === 'pull') answer(pull({ repair: message.repair, spacingMs: message.spacingMs }));
    if (message.ask === 'unpull') answer(unpull());
    if (message.ask === 'listening') answer(listening(message.on));
    if (message.ask === 'stats') answer(await stats());
  },
);
