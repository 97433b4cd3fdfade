import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryServer } from '../memory/index.ts';
import type { CloseInfo, IncomingSession, Session } from '../src/types.ts';
import { newHalf, withHalf } from './half.ts';
import { hybridConnector } from './index.ts';
import { Pairing, type PairingOptions } from './pairing.ts';

const URL = 'https://memory/v1';

/** Two servers whose halves are put together, as QUIC and WebSocket of one relay. */
function stage(options: Partial<PairingOptions> = {}) {
  const servers = { datagrams: new MemoryServer(), streams: new MemoryServer() };
  const pairing = new Pairing({ enabled: true, waitMs: 3000, ...options });
  const whole = {
    datagrams: pairing.whole('datagrams', servers.datagrams.sessions).getReader(),
    streams: pairing.whole('streams', servers.streams.sessions).getReader(),
  };
  const pairs = pairing.pairs.getReader();
  return {
    ...{ pairing, whole },
    dial: (kind: keyof typeof servers, url: string) => servers[kind].connector()(url),
    connect: () =>
      hybridConnector({ datagrams: servers.datagrams.connector(), streams: servers.streams.connector() })(URL),
    pair: async (): Promise<IncomingSession> => (await pairs.read()).value!,
  };
}

const ended = (session: Session): Promise<CloseInfo> => session.closed;

describe('pairing', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('puts two halves together: datagrams go one way, streams the other', async () => {
    const { connect, pair, pairing } = stage();
    const client = connect();
    await client.ready;
    const { session, path } = await pair();
    expect([path, pairing.waiting]).toEqual(['/v1', 0]);
    const got: number[] = [];
    session.setDatagramHandler((data) => got.push(data[0]!));
    expect(client.sendDatagram(Uint8Array.of(7))).toBe(true);
    await vi.waitFor(() => expect(got).toEqual([7]));
    const { writable } = await client.openBidirectional();
    await writable.getWriter().write(Uint8Array.of(9));
    const { value: stream } = await session.incomingBidirectional.getReader().read();
    expect((await stream!.readable.getReader().read()).value).toEqual(Uint8Array.of(9));
    session.close({ closeCode: 302, reason: 'over' });
    await vi.advanceTimersByTimeAsync(1500);
    expect(await ended(client)).toEqual({ closeCode: 302, reason: 'over' });
  });

  it('lets whole sessions pass', async () => {
    const { dial, whole, pairing } = stage();
    dial('datagrams', URL);
    dial('streams', `${URL}?more=1`);
    expect((await whole.datagrams.read()).value!.path).toBe('/v1');
    expect((await whole.streams.read()).value!.path).toBe('/v1?more=1');
    expect(pairing.waiting).toBe(0);
  });

  it('ends a half whose other one does not come, and forgets one that goes', async () => {
    const { dial, pairing } = stage();
    const alone = dial('streams', withHalf(URL, newHalf()));
    await vi.waitFor(() => expect(pairing.waiting).toBe(1));
    await vi.advanceTimersByTimeAsync(3000);
    expect(await ended(alone)).toMatchObject({ closeCode: 102 });
    const gone = dial('datagrams', withHalf(URL, newHalf()));
    await vi.waitFor(() => expect(pairing.waiting).toBe(1));
    gone.close();
    await vi.waitFor(() => expect(pairing.waiting).toBe(0));
  });

  it('refuses a name that is none, two halves of one kind, too many that wait, and all of them where it is off', async () => {
    const { dial, pairing } = stage({ most: 1 });
    expect(await ended(dial('streams', `${URL}?half=x`))).toMatchObject({ closeCode: 100 });
    const half = withHalf(URL, newHalf());
    dial('streams', half);
    await vi.waitFor(() => expect(pairing.waiting).toBe(1));
    expect(await ended(dial('streams', half))).toMatchObject({ closeCode: 100 });
    expect(await ended(dial('streams', withHalf(URL, newHalf())))).toMatchObject({ closeCode: 402 });
    const off = stage({ enabled: false });
    expect(await ended(off.connect())).toMatchObject({ closeCode: 603 });
  });

  it('is over for both when one half dies', async () => {
    const { connect, pair } = stage();
    const client = connect();
    await client.ready;
    const { session } = await pair();
    const streams = (client as unknown as { openBidirectional: () => Promise<unknown> }).openBidirectional();
    await streams;
    session.close({ closeCode: 501, reason: 'away' });
    await vi.advanceTimersByTimeAsync(1500);
    expect(await ended(client)).toMatchObject({ closeCode: 501 });
    expect(client.sendDatagram(Uint8Array.of(1))).toBe(false);
  });
});
