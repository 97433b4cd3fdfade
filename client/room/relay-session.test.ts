import { afterEach, describe, expect, it } from 'vitest';
import { FakeRelay } from '../test/fake-relay.ts';
import type { Environment } from './environment.ts';
import { RelaySession } from './relay-session.ts';

const PER_SECOND = 50;

/** A session with a relay on a thread that can stand still. */
async function joined() {
  const relay = new FakeRelay();
  const { environment: real } = relay;
  let stillUntilMs = 0;
  const environment: Environment = {
    ...real,
    setTimer: (run, delayMs) =>
      real.setTimer(() => {
        const waitMs = stillUntilMs - real.nowMs();
        if (waitMs > 0) real.setTimer(run, waitMs);
        else run();
      }, delayMs),
  };
  const transport = relay.connector('https://relay.example/v1');
  const condemned: string[] = [];
  transport.condemn = (why) => condemned.push(why) > 0;
  await relay.advance(50);
  const session = new RelaySession({
    ...{ transport, token: 'token', environment, welcomeLimitMs: 5000, deadAfterMs: 600, agent: 'test' },
    resume: undefined,
    onWelcome: () => {},
    onMessage: () => {},
    onDatagram: () => {},
  });
  await relay.advance(200);
  let received = 0;
  let lost = 0;
  return {
    condemned,
    end: () => session.ended,
    leave: () => session.transport.close(),
    /** A second of media of which so many units never come. */
    second: async (gone: number) => {
      received += PER_SECOND - gone;
      lost += gone;
      await relay.advance(1000);
      session.judge(received, lost);
    },
    /** For so long nothing runs here, and nothing that comes is heard. */
    standStill: (ms: number) => {
      stillUntilMs = real.nowMs() + ms;
      relay.script.heartbeats = false;
      real.setTimer(() => {
        relay.script.heartbeats = true;
      }, ms);
    },
    /** As in a hidden page: only timers are late. */
    holdTimers: (ms: number) => {
      stillUntilMs = real.nowMs() + ms;
    },
  };
}

describe('a session that loses a second of its media', () => {
  let leave: (() => void) | undefined;
  afterEach(() => leave?.());

  async function begin() {
    const session = await joined();
    leave = session.leave;
    return session;
  }

  it('leaves its path for another', async () => {
    const { second, condemned, end } = await begin();
    for (const gone of [0, 0, 0, 0, 50, 0]) await second(gone);
    expect(condemned).toEqual(['lossy']);
    expect((await end()).message).toBe('the path loses too much');
  });

  it('leaves it in a hidden page too, where timers are late and what comes is heard', async () => {
    const { second, holdTimers, condemned } = await begin();
    for (const gone of [0, 0, 0, 0, 50, 0]) {
      holdTimers(950);
      await second(gone);
    }
    expect(condemned).toEqual(['lossy']);
  });

  it('stays where it was this thread that stood still', async () => {
    const { second, standStill, condemned } = await begin();
    for (const gone of [0, 0, 0, 0]) await second(gone);
    standStill(950);
    for (const gone of [50, 0, 0, 0, 0, 0]) await second(gone);
    expect(condemned).toEqual([]);
    // What the path loses later is its own.
    for (const gone of [50, 0]) await second(gone);
    expect(condemned).toEqual(['lossy']);
  });
});
