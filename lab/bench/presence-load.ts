// Child of the presence bench: the members of one room, each a person and a connection, who all listen to its presence.
import { openEngine } from '@hayate/engine';
import { mintToken, readSharedKey } from '@hayate/relay';
import { RawSession, type RelayAddress } from '../lib/raw-session.ts';

/** Connections at once while the room fills. */
const BATCH = 50;

const engine = openEngine({ eventQueueBytes: 64 << 20, eventQueueMs: 5000 });

interface Member {
  raw: RawSession;
  news: number;
  /** Names that they have seen come. */
  total: number;
}

const members: Member[] = [];
const gone = { news: 0, bytes: 0 };
const seen = { lists: 0, news: 0, failed: 0, joined: 0, left: 0 };
let next = 0;

interface Room {
  to: Omit<RelayAddress, 'token'>;
  keyFile: string;
  room: string;
}

async function come({ to, keyFile, room }: Room): Promise<void> {
  const n = next++;
  const sub = `member-${n}`;
  const token = await mintToken(readSharedKey(keyFile), {
    room,
    sub,
    name: `Member ${n}`,
    roles: ['viewer'],
    isNew: n % 3 === 0,
  });
  const raw = await RawSession.open(engine, { ...to, token }, 1 + (n % 64), () => {});
  const member: Member = { raw, news: 0, total: 0 };
  raw.send({ t: 'watch', id: 1 });
  raw.send({ t: 'presence', id: 2, on: true });
  void listen(member);
  members.push(member);
}

async function listen(member: Member): Promise<void> {
  try {
    for (;;) {
      const message = await member.raw.next();
      if (message.t !== 'presence' && message.t !== 'members') continue;
      if (message.t === 'members') seen.lists += 1;
      else {
        seen.news += 1;
        member.news += 1;
      }
      member.total = message.total;
    }
  } catch {
    // The session has ended.
  }
}

async function fill(room: Room, count: number): Promise<number> {
  while (members.length < count) {
    await Promise.all(Array.from({ length: Math.min(BATCH, count - members.length) }, () => come(room)));
  }
  return members.length;
}

/** So many a second leave, the longest here first, and as many come, whatever became of the earlier ones. */
async function measure(room: Room, perSecond: number, seconds: number): Promise<object> {
  const before = { ...seen };
  const bytesBefore = received();
  const startMs = performance.now();
  const pending = new Set<Promise<void>>();
  const sessions = members.length;
  for (let done = 0; performance.now() - startMs < seconds * 1000; ) {
    const due = ((performance.now() - startMs) / 1000) * perSecond;
    for (; done < due; done++) {
      leave();
      const coming = come(room)
        .then(() => {
          seen.joined += 1;
        })
        .catch(() => {
          seen.failed += 1;
        })
        .finally(() => pending.delete(coming));
      pending.add(coming);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const tookS = (performance.now() - startMs) / 1000;
  const since = (name: keyof typeof seen) => seen[name] - before[name];
  const bytes = received() - bytesBefore;
  await Promise.all(pending);
  return {
    sessions,
    seconds: tookS,
    bytes,
    news: since('news'),
    lists: since('lists'),
    joined: since('joined'),
    left: since('left'),
    failed: since('failed'),
  };
}

function leave(): void {
  const first = members.shift();
  if (!first) return;
  gone.bytes += first.raw.receivedBytes;
  first.raw.session.close();
  seen.left += 1;
}

function received(): number {
  return members.reduce((sum, { raw }) => sum + raw.receivedBytes, gone.bytes);
}

/** How many believe, once all that was on its way has come, that other people are here than these. */
function wrong(): number {
  return members.filter((member) => member.total !== members.length).length;
}

interface Question extends Room {
  ask: string;
  count: number;
  perSecond: number;
  seconds: number;
}

process.on('message', async (m: Question) => {
  const reply = (value: unknown) => process.send?.({ answer: m.ask, value });
  if (m.ask === 'fill') reply(await fill(m, m.count));
  if (m.ask === 'measure') reply(await measure(m, m.perSecond, m.seconds));
  if (m.ask === 'wrong') reply(wrong());
});
