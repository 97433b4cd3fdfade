import { type Connector, connectFailed, type Session } from '@hayate/transport';
import { ManualClock, MemoryServer } from '@hayate/transport/memory';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from './environment.ts';
import { type WayStore, Ways } from './ways.ts';

const URL_A = 'https://a.example/v1';
const settle = async () => {
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
};

type How = 'never' | 'fails' | number;

let clock: ManualClock;
let environment: Environment;
let server: MemoryServer;
/** What happened, with the time. */
let said: string[];
let how: { quic: How; tcp: How };
let stored: string | null;
let network: string;
const store: WayStore = { read: () => stored, write: (text) => (stored = text) };

/** Opens after so many ms, or fails at once, or never does anything. */
function way(name: 'quic' | 'tcp'): Connector {
  const connect = server.connector();
  return (url, options = {}) => {
    said.push(`${clock.nowUs() / 1000} ${name}`);
    options.signal?.addEventListener('abort', () => said.push(`${clock.nowUs() / 1000} no ${name}`));
    const now = how[name];
    if (now === 'fails') throw connectFailed('refused');
    if (now === 'never') {
      const ready = new Promise<void>((_, reject) =>
        options.signal?.addEventListener('abort', () => reject(connectFailed('given up'))),
      );
      ready.catch(() => {});
      return { ready, closed: ready, close() {} } as unknown as Session;
    }
    const session = connect(url);
    const ready = new Promise<void>((resolve) => void environment.setTimer(resolve, now));
    const { closed, draining, reliability } = session;
    const later = ready.then(() => session.ready);
    return { ready: later, closed, draining, reliability, close: () => session.close() } as unknown as Session;
  };
}

beforeEach(() => {
  clock = new ManualClock();
  environment = {
    nowMs: () => clock.nowUs() / 1000,
    wallMs: () => clock.nowUs() / 1000,
    setTimer(run, delayMs) {
      const timer = { run };
      clock.schedule(clock.nowUs() + delayMs * 1000, () => timer.run());
      return timer;
    },
    clearTimer(timer) {
      if (timer) (timer as { run: () => void }).run = () => {};
    },
    random: () => 0.5,
  };
  server = new MemoryServer({});
  said = [];
  how = { quic: 20, tcp: 30 };
  stored = null;
  network = 'wifi';
});

const ways = () => new Ways({ quic: way('quic'), webSocket: way('tcp'), environment, network: () => network, store });

async function pass(ms: number): Promise<void> {
  await settle();
  const stepMs = ms > 10_000 ? 500 : 10;
  for (let at = 0; at < ms; at += stepMs) {
    clock.advance(stepMs);
    await settle();
  }
}

/** Dials, and says what happened. */
async function dial(of: Ways, ms = 1000) {
  said = [];
  const begin = clock.nowUs() / 1000;
  const session = of.connector()(URL_A);
  session.closed.catch(() => {});
  await pass(ms);
  return { session, steps: said.map((line) => line.replace(/^\S+/, (at) => String(Number(at) - begin))) };
}

describe('the race', () => {
  it('dials nothing but QUIC where that opens within its head start', async () => {
    const { session, steps } = await dial(ways());
    expect([session.way, steps]).toEqual(['quic', ['0 quic']]);
  });

  it('takes TCP where QUIC does not open, and gives QUIC up', async () => {
    how.quic = 'never';
    const { session, steps } = await dial(ways());
    expect([session.way, steps]).toEqual(['websocket', ['0 quic', '300 tcp', '330 no quic']]);
  });

  it('gives TCP up where QUIC opens late and first', async () => {
    how = { quic: 310, tcp: 50 };
    const { session, steps } = await dial(ways());
    expect([session.way, steps]).toEqual(['quic', ['0 quic', '300 tcp', '310 no tcp']]);
  });

  it('does not wait for the head start of one that failed, and fails with the first when all have', async () => {
    how = { quic: 'fails', tcp: 30 };
    const first = await dial(ways());
    expect([first.session.way, first.steps]).toEqual(['websocket', ['0 quic', '0 tcp']]);
    how = { quic: 'fails', tcp: 'fails' };
    const { session } = await dial(ways());
    await expect(session.ready).rejects.toMatchObject({ code: 'connect_failed', message: 'refused' });
  });

  it('takes the head start that it is told', async () => {
    how.quic = 'never';
    const session = ways().connector(0)(URL_A);
    await pass(50);
    expect([session.way, said.map((line) => line.split('.')[0])]).toEqual([
      'websocket',
      ['0 quic', '0 tcp', '30 no quic'],
    ]);
  });

  it('ends both when it is given up', async () => {
    how = { quic: 'never', tcp: 'never' };
    const abort = new AbortController();
    const session = ways().connector()(URL_A, { signal: abort.signal });
    await pass(400);
    abort.abort();
    await expect(session.ready).rejects.toMatchObject({ code: 'connect_failed' });
    expect(said).toEqual(['0 quic', '300 tcp', '400 no quic', '400 no tcp']);
  });
});

describe('what is known of a network', () => {
  it('is that QUIC did not open: both are dialled at once, until it does', async () => {
    const of = ways();
    how.quic = 'never';
    await dial(of);
    expect((await dial(of)).steps).toEqual(['0 quic', '0 tcp', '30 no quic']);
    how.quic = 20;
    expect((await dial(of)).steps).toEqual(['0 quic', '0 tcp', '20 no tcp']);
    expect((await dial(of)).steps).toEqual(['0 quic']);
  });

  it('outlives the page, expires, and is of one network', async () => {
    how.quic = 'never';
    await dial(ways());
    expect((await dial(ways())).steps[1]).toBe('0 tcp');
    network = 'cellular';
    expect((await dial(ways())).steps[1]).toBe('300 tcp');
    network = 'wifi';
    await pass(600_000);
    expect((await dial(ways())).steps[1]).toBe('300 tcp');
    stored = '[["wifi|a.example", 3], 7';
    expect((await dial(ways())).steps[1]).toBe('300 tcp');
  });

  it('is that QUIC opens and does not do: TCP goes first, for longer each time', async () => {
    const of = ways();
    const { session } = await dial(of);
    expect(session.condemn!('lossy')).toBe(true);
    expect((await dial(of)).steps).toEqual(['0 tcp']);
    how.tcp = 'never';
    expect((await dial(of, 3000)).steps).toEqual(['0 tcp', '2000 quic', '2020 no tcp']);
    how.tcp = 30;
    await pass(600_000);
    const again = await dial(of);
    expect([again.session.way, again.steps]).toEqual(['quic', ['0 quic']]);
  });

  it('blames nobody for one silence: both are dialled at once, and TCP goes first after a second one', async () => {
    const of = ways();
    const first = await dial(of);
    expect(first.session.condemn!('silent')).toBe(true);
    const second = await dial(of);
    expect([second.session.way, second.steps]).toEqual(['quic', ['0 quic', '0 tcp', '20 no tcp']]);
    second.session.condemn!('silent');
    expect((await dial(of)).steps).toEqual(['0 tcp']);
  });

  it('is that TCP does not open: QUIC goes first again, and silence is not its fault for a minute', async () => {
    const of = ways();
    const { session } = await dial(of);
    session.condemn!('lossy');
    how.tcp = 'fails';
    const second = await dial(of);
    expect([second.session.way, second.steps]).toEqual(['quic', ['0 tcp', '0 quic']]);
    for (let n = 0; n < 3; n += 1) {
      const next = await dial(of);
      expect(next.steps).toEqual(['0 quic']);
      expect(next.session.condemn!('silent')).toBe(false);
    }
    await pass(60_000);
    const later = await dial(of);
    expect([later.steps, later.session.condemn!('silent')]).toEqual([['0 quic'], true]);
  });

  it('is that TCP is no better: QUIC is not blamed for its losses then', async () => {
    const of = ways();
    how.quic = 'never';
    const { session } = await dial(of);
    expect(session.condemn!('silent')).toBe(false);
    how.quic = 20;
    const next = await dial(of);
    expect([next.session.way, next.session.condemn!('lossy')]).toEqual(['quic', false]);
  });
});

it('looks for QUIC from a session over TCP, and says when it is back', async () => {
  const of = ways();
  how.quic = 'never';
  const { session } = await dial(of);
  let back = false;
  void session.superseded!.then(() => (back = true));
  how.quic = 'fails';
  await pass(59_500);
  expect(back).toBe(false);
  how.quic = 20;
  await pass(121_000);
  expect(back).toBe(true);
  expect((await dial(of)).steps).toEqual(['0 quic']);
});
