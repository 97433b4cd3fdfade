// Child of a fault's stage, and of the handshake flood: floods, and sessions that misbehave.
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { connect, type Socket as TcpSocket } from 'node:net';
import { packBundles, UNIT_KIND, UnitSender } from '@hayate/codec/bundle';
import { encodeMessage } from '@hayate/codec/messages';
import { createFaceEncoder, faceConfig } from '@hayate/codec/motion';
import { openEngine } from '@hayate/engine';
import { CommentLog } from '../../lib/comment-log.ts';
import { RawSession, type RelayAddress } from '../../lib/raw-session.ts';
import { captureFirstFlight, randomId, sealInitial } from './initials.ts';

const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 2000 });
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const portOf = (url: string) => Number(new URL(url).port);

interface Question {
  ask: string;
  port: number;
  to: RelayAddress;
  all: RelayAddress[];
  seconds: number;
  perSecond: number;
  addresses: number;
  aheadMs?: number;
  tls?: boolean;
}

/** Calls `one` so many times a second, in steps of some ms, whatever became of the earlier calls. */
async function atRate(
  { seconds, perSecond }: Question,
  one: (n: number) => void,
): Promise<{ sent: number; seconds: number }> {
  const since = performance.now();
  let sent = 0;
  for (let passed = 0; passed < seconds * 1000; passed = performance.now() - since) {
    for (; sent < (passed / 1000) * perSecond; sent += 1) one(sent);
    await sleep(2);
  }
  return { sent, seconds: (performance.now() - since) / 1000 };
}

/** Sockets at addresses of their own: all of 127.0.0.0/8 is this machine. */
async function socketsAt(addresses: number): Promise<Socket[]> {
  return Promise.all(
    Array.from({ length: addresses }, async (_, n) => {
      const socket = createSocket('udp4');
      const address = addresses === 1 ? '127.0.0.1' : `127.${1 + (n >> 8)}.${n & 255}.1`;
      await new Promise<void>((resolve) => socket.bind(0, address, resolve));
      // Answers are dropped unread.
      socket.on('error', () => {});
      return socket;
    }),
  );
}

async function noise(m: Question) {
  const [socket] = await socketsAt(1);
  const bytes = randomBytes(1 << 16);
  const done = await atRate(m, (n) => {
    const from = (n * 7919) % (bytes.length - 1400);
    // Its first byte is any: a long header, a short one, or neither.
    socket!.send(bytes, from, 1 + ((n * 104_729) % 1400), m.port, '127.0.0.1');
  });
  socket!.close();
  return done;
}

async function handshakes(m: Question) {
  const flight = await captureFirstFlight(engine, m.to.url, m.to.hash);
  const sockets = await socketsAt(m.addresses);
  const port = portOf(m.to.url);
  const done = await atRate(m, (n) => {
    const dcid = randomId();
    for (const packet of flight) sockets[n % sockets.length]!.send(sealInitial(packet, dcid), port, '127.0.0.1');
  });
  for (const socket of sockets) socket.close();
  return done;
}

async function liverSession(to: RelayAddress) {
  const raw = await RawSession.open(engine, to, 0, () => {});
  const config = faceConfig({ fps: 60 });
  raw.send({ t: 'publish', id: 1, motion: config });
  await raw.answer('publishing');
  return { raw, config };
}

async function datagrams(m: Question) {
  const { raw } = await liverSession(m.to);
  const done = await atRate(m, (n) => {
    const data = randomBytes(1 + ((n * 104_729) % 900));
    // Half of them have the type of a bundle, a probe or a request, and garbage behind it.
    if (n % 2 === 0) data[0] = n % 8;
    raw.session.datagrams.send(data);
  });
  raw.session.close();
  return done;
}

async function controls(m: Question) {
  let ended = 0;
  const under: Promise<void>[] = [];
  const done = await atRate(m, (n) => {
    const one = async () => {
      const raw = await RawSession.open(engine, m.to, 1 + (n % 16), () => {});
      const stream = await raw.session.createBidirectionalStream();
      const writer = stream.writable.getWriter();
      // A length within bounds, and no message behind it; or a length over them.
      const bytes = randomBytes(64);
      if (n % 2 === 0) bytes.set([0, 0, 0, 40]);
      await writer.write(bytes).catch(() => {});
      await raw.session.closed.catch(() => {});
      ended += 1;
    };
    under.push(one().catch(() => {}));
  });
  await Promise.race([Promise.all(under), sleep(2000)]);
  return { ...done, ended };
}

async function comments(m: Question) {
  const writers = await Promise.all(
    m.all.map(async (to, n) => {
      const raw = await RawSession.open(engine, to, 1 + (n % 16), () => {});
      const { writer, readable } = await raw.openComments();
      new CommentLog().read(readable).catch(() => {});
      return { raw, writer };
    }),
  );
  const message = encodeMessage({ t: 'comment', id: 7, text: 'flood '.repeat(20) });
  const done = await atRate(m, (n) => {
    writers[n % writers.length]!.writer.write(message).catch(() => {});
  });
  for (const { raw } of writers) raw.session.close();
  return done;
}

async function deaf(m: Question) {
  const sessions = await Promise.all(
    m.all.map(async (to, n) => {
      const raw = await RawSession.open(engine, to, 1 + (n % 16), () => {});
      raw.send({ t: 'watch', id: 1 });
      await raw.openComments();
      const gifts = await raw.session.createBidirectionalStream();
      await gifts.writable.getWriter().write(encodeMessage({ t: 'gifts', after: 0 }));
      return raw;
    }),
  );
  await sleep(m.seconds * 1000);
  for (const raw of sessions) raw.session.close();
  return { sent: sessions.length, seconds: m.seconds };
}

async function liver(m: Question) {
  const { raw, config } = await liverSession(m.to);
  let ended: string | null = null;
  raw.session.closed.then(
    ({ closeCode, reason }) => {
      ended = `${closeCode} ${reason}`;
    },
    (error: Error) => {
      ended = error.message;
    },
  );
  const encoder = createFaceEncoder(config);
  const sender = new UnitSender();
  const values = new Float32Array(61);
  let taken = 0;
  const done = await atRate(m, (n) => {
    values.fill(0.5 + 0.4 * Math.sin(n / 7));
    const { key, data } = encoder.encode({ face: true, values });
    const nowUs = Number(process.hrtime.bigint() / 1000n) + (m.aheadMs ?? 0) * 1000;
    for (const bundle of packBundles([sender.unit(UNIT_KIND.motion, data, nowUs, key)])) {
      if (raw.session.datagrams.send(bundle)) taken += 1;
    }
  });
  // Its session ends on its own where it is to end.
  await sleep(200);
  const before = ended;
  raw.session.close();
  return { ...done, taken, ended: before };
}

/** A TLS record's header, then nothing of the hello that it announces. */
const TLS_RECORD = Buffer.from([0x16, 3, 1, 2, 0, 1]);
const REQUEST = Buffer.from(
  `POST /v1/rooms HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n${'x'.repeat(60)}`,
);

async function slow(m: Question) {
  const sockets = new Set<TcpSocket>();
  const bytes = m.tls ? Buffer.concat([TLS_RECORD, Buffer.alloc(600)]) : REQUEST;
  for (let n = 0; n < m.perSecond; n += 1) {
    const socket = connect(m.port, '127.0.0.1');
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }
  const begun = sockets.size;
  const since = performance.now();
  for (let at = 0; performance.now() - since < m.seconds * 1000; at += 1) {
    // Half of them stop within the header, half within the body.
    for (const socket of sockets) socket.write(bytes.subarray(at, at + 1));
    await sleep(250);
  }
  const open = sockets.size;
  for (const socket of sockets) socket.destroy();
  return { sent: begun, seconds: m.seconds, open };
}

const attacks: Record<string, (m: Question) => Promise<object>> = {
  ...{ noise, handshakes, datagrams, controls, comments, deaf, liver, slow },
};

process.on('message', async (m: Question) => {
  process.send?.({ answer: m.ask, value: await attacks[m.ask]!(m) });
});
