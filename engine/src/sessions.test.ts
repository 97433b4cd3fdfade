import { expect, test } from 'vitest';
import { describeWithEngine, engine, loopback, nextOf, pattern, readAll, writeAll } from './loopback.ts';

describeWithEngine('sessions over loopback', () => {
  test('the shape of W3C WebTransport', async () => {
    const { pair } = await loopback();
    const { client, server } = await pair({ origin: 'https://a.example' }, '/v1?x=1');
    expect(server).toMatchObject({ path: '/v1?x=1', origin: 'https://a.example' });
    expect(server.remoteAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    for (const session of [client, server]) {
      await session.ready;
      expect(session.closed).toBeInstanceOf(Promise);
      expect(session.draining).toBeInstanceOf(Promise);
      expect(session.incomingBidirectionalStreams).toBeInstanceOf(ReadableStream);
      expect(session.incomingUnidirectionalStreams).toBeInstanceOf(ReadableStream);
      expect(session.datagrams.readable).toBeInstanceOf(ReadableStream);
      expect(session.datagrams.writable).toBeInstanceOf(WritableStream);
      expect(session.datagrams.maxDatagramSize).toBeGreaterThanOrEqual(1000);
    }
  });

  test.each([
    ['peer', true],
    ['own', false],
  ])('close codes and reasons reach the other side (server closes: %s)', async (_, byServer) => {
    const { pair } = await loopback();
    const { client, server } = await pair();
    const [closer, other] = byServer ? [server, client] : [client, server];
    closer.close({ closeCode: 203, reason: 'not permitted, だめ' });
    const info = { closeCode: 203, reason: 'not permitted, だめ' };
    expect(await closer.closed).toEqual(info);
    expect(await other.closed).toEqual(info);
  });

  test('refused by path, origin and load', async () => {
    const { connect, pair } = await loopback({ paths: ['/v1'], origins: ['https://a.example'], maxSessions: 1 });
    const outcome = (session: { ready: Promise<void> }) =>
      session.ready.then(
        () => 'open',
        (e: { code: string; status: number }) => `${e.code} ${e.status}`,
      );
    expect(await outcome(connect({}, '/v2'))).toBe('refused_path 404');
    expect(await outcome(connect({ origin: 'https://b.example' }))).toBe('refused_origin 403');
    await pair({ origin: 'https://a.example' });
    expect(await outcome(connect())).toBe('refused_load 503');
  });

  test('a wrong hash and no trust at all are certificate errors', async () => {
    const { client, url, connect } = await loopback();
    const wrong = connect({ serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(32) }] });
    await expect(wrong.ready).rejects.toMatchObject({ code: 'certificate' });
    await expect(client.connect(`${url}/v1`).ready).rejects.toMatchObject({ code: 'certificate' });
  });

  test('nobody there: timeout', async () => {
    const { listener, connect } = await loopback();
    await listener.close();
    const session = connect({ connectTimeoutMs: 300 });
    await expect(session.ready).rejects.toMatchObject({ code: expect.stringMatching(/^(timeout|connect_failed)$/) });
  });

  test('a name, and IPv6', async () => {
    const { client, listener, trust, accept } = await loopback();
    await client.connect(`https://localhost:${listener.address.port}/`, trust).ready;
    await accept();
    const six = await loopback({ host: '::1' });
    await six.pair();
    expect(six.url).toContain('[::1]');
  });

  test('localhost falls back to ::1', async () => {
    const { client, listener, trust } = await loopback({ host: '::1' });
    await client.connect(`https://localhost:${listener.address.port}/`, { ...trust, connectTimeoutMs: 2000 }).ready;
  });

  test('bind errors come at once, with a code', async () => {
    const { listener } = await loopback();
    const again = engine().listen({
      host: '127.0.0.1',
      port: listener.address.port,
      certificate: { selfSigned: {} },
    });
    await expect(again).rejects.toMatchObject({ code: 'bind_failed', name: 'EngineError' });
    const pem = engine().listen({ host: '127.0.0.1', certificate: { cert: '/nonexistent', key: '/nonexistent' } });
    await expect(pem).rejects.toMatchObject({ code: 'bad_certificate' });
  });

  test('drain tells the present ones and refuses new ones', async () => {
    const { listener, pair, connect } = await loopback();
    const { client } = await pair();
    listener.drain();
    await client.draining;
    await expect(connect().ready).rejects.toMatchObject({ code: 'refused_load', status: 503, retryable: true });
    // The present one goes on.
    expect(await client.getStats()).toMatchObject({ open: 1 });
  });

  test('closing the listener ends its sessions on both sides', async () => {
    const { listener, pair } = await loopback();
    const { client, server } = await pair();
    await listener.close();
    expect(await server.closed).toMatchObject({ closeCode: 0 });
    expect(await client.closed).toMatchObject({ closeCode: 0 });
  });

  test('a closed listener has left its port: the same one binds at once', async () => {
    const { listener, pair } = await loopback();
    const { port } = listener.address;
    const bind = () => engine().listen({ host: '127.0.0.1', port, certificate: { selfSigned: {} } });
    await expect(bind()).rejects.toMatchObject({ code: 'bind_failed' });
    await pair();
    await listener.close();
    expect((await bind()).address.port).toBe(port);
  });

  test('closing an engine settles everything, and the other side hears of it', async () => {
    const { client: clientEngine, pair } = await loopback();
    const { client, server } = await pair();
    const read = client.incomingBidirectionalStreams.getReader().read();
    const stream = await client.createBidirectionalStream();
    const reading = stream.readable.getReader().read();
    const failed = expect(reading).rejects.toMatchObject({ code: 'closed' });
    const stats = client.getStats().catch((e: unknown) => e);
    await clientEngine.close();
    expect((await read).done).toBe(true);
    await failed;
    await stats;
    expect(await client.closed).toEqual({ closeCode: 0, reason: '' });
    expect(await server.closed).toEqual({ closeCode: 0, reason: '' });
    await expect(client.createBidirectionalStream()).rejects.toMatchObject({ code: 'closed' });
  });

  test('statistics', async () => {
    const { server: serverEngine, listener, pair } = await loopback();
    const { client, server } = await pair();
    client.datagrams.send(new Uint8Array(2000));
    client.datagrams.send(new Uint8Array(10));
    await nextOf(server.datagrams.readable);
    expect(await client.getStats()).toMatchObject({ datagrams_out: 1, js_dropped_too_large: 1, open: 1 });
    expect(await server.getStats()).toMatchObject({ datagrams_in: 1 });
    expect(await listener.getStats()).toMatchObject({ sessions_open: 1 });
    expect(await serverEngine.getStats()).toMatchObject({ sessions: 1, sessions_open: 1, datagrams_in: 1 });
  });

  test('the emulated link shows in the round trip', async () => {
    const { pair } = await loopback();
    const link = { tx: { delayMs: 30 }, rx: { delayMs: 10 } };
    const { client: near } = await pair();
    const { client: far } = await pair({ link });
    const rtt = async (session: typeof near) => (await session.getStats())['min_rtt_ms']!;
    expect(await rtt(near)).toBeLessThan(20);
    expect(await rtt(far)).toBeGreaterThanOrEqual(40);
    expect(await rtt(far)).toBeLessThan(80);
  });

  test('gauges return to zero after 3 times 50 sessions with streams', async () => {
    const { server, client, pair } = await loopback({ limits: { maxBidiStreams: 4 } });
    for (let round = 0; round < 3; round += 1) {
      const pairs = await Promise.all(Array.from({ length: 50 }, () => pair({ socketGroup: 1 })));
      expect(await server.getStats()).toMatchObject({ sessions_open: 50 });
      await Promise.all(
        pairs.map(async (p) => {
          const stream = await p.client.createBidirectionalStream();
          await stream.writable.getWriter().write(pattern(100));
        }),
      );
      // Which accepted session belongs to which dialled one is not known here: one side closes all.
      for (const p of pairs) (round % 2 ? p.client : p.server).close();
      await Promise.all(pairs.flatMap((p) => [p.client.closed, p.server.closed]));
      for (const e of [server, client]) {
        await expect
          .poll(
            async () => {
              const stats = await e.getStats();
              return ['sessions_open', 'streams_open', 'connections_open', 'handshakes_open'].map((k) => stats[k]);
            },
            { timeout: 10_000 },
          )
          .toEqual([0, 0, 0, 0]);
      }
    }
    expect(await server.getStats()).toMatchObject({ sessions: 150 });
  });
});

describeWithEngine('streams over loopback', () => {
  test('a bidirectional stream each way', async () => {
    const { pair } = await loopback();
    const { client, server } = await pair();
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const stream = await from.createBidirectionalStream({ sendOrder: 5 });
      const question = writeAll(stream.writable, pattern(5000));
      const other = await nextOf(to.incomingBidirectionalStreams);
      expect(await readAll(other.readable)).toEqual(Buffer.from(pattern(5000)));
      // Half closed: the answer is still to come.
      await question;
      await writeAll(other.writable, pattern(3000));
      expect(await readAll(stream.readable)).toEqual(Buffer.from(pattern(3000)));
    }
  });

  test.each(['bidirectional', 'unidirectional'])(
    'what a closed %s writer sent is there, even when the session closes right after',
    async (kind) => {
      const { pair } = await loopback();
      const { client, server } = await pair({ link: { tx: { loss: 0.05, seed: 3 } } });
      const bidi = kind === 'bidirectional';
      const writable = bidi
        ? (await client.createBidirectionalStream()).writable
        : await client.createUnidirectionalStream();
      const reading = bidi
        ? nextOf(server.incomingBidirectionalStreams).then((s) => readAll(s.readable))
        : nextOf(server.incomingUnidirectionalStreams).then(readAll);
      await writeAll(writable, pattern(200_000));
      client.close();
      expect((await reading).equals(pattern(200_000))).toBe(true);
      expect((await server.closed).closeCode).toBe(0);
    },
  );

  test('a unidirectional stream each way, with BYOB', async () => {
    const { pair } = await loopback();
    const { client, server } = await pair();
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const done = writeAll(await from.createUnidirectionalStream(), pattern(1000));
      const reader = (await nextOf(to.incomingUnidirectionalStreams)).getReader({ mode: 'byob' });
      const got: number[] = [];
      for (let end = false; !end; ) {
        const { value, done: last } = await reader.read(new Uint8Array(64));
        got.push(...(value ?? []));
        end = last;
      }
      expect(got).toEqual([...pattern(1000)]);
      await done;
    }
  });

  test('1 MB to a reader that does not read: the writer waits, memory holds the windows only', async () => {
    const limits = { streamWindowBytes: 64 << 10, streamSendBytes: 64 << 10 };
    const { pair } = await loopback({ limits });
    const { client, server } = await pair({ limits });
    const data = pattern(1 << 20);
    const writer = (await client.createUnidirectionalStream()).getWriter();
    let accepted = 0;
    const writing = (async () => {
      for (let at = 0; at < data.length; at += 16 << 10) {
        await writer.write(data.subarray(at, at + (16 << 10)));
        accepted = at + (16 << 10);
      }
      await writer.close();
    })();
    const readable = await nextOf(server.incomingUnidirectionalStreams);
    // Nobody reads: the count comes to rest at the windows' sum and stays there.
    let last = -1;
    await expect
      .poll(
        () => {
          const rests = accepted === last;
          last = accepted;
          return rests;
        },
        { interval: 200, timeout: 10_000 },
      )
      .toBe(true);
    expect(accepted).toBeGreaterThan(64 << 10);
    expect(accepted).toBeLessThanOrEqual(512 << 10);
    expect(await readAll(readable)).toEqual(Buffer.from(data));
    await writing;
  });

  test('10 MB both ways at once on a lossy link', async () => {
    const { pair } = await loopback();
    const { client, server } = await pair({ link: { tx: { delayMs: 2, loss: 0.01 }, rx: { delayMs: 2, loss: 0.01 } } });
    const data = pattern(10 << 20);
    const mine = await client.createBidirectionalStream();
    const sent = writeAll(mine.writable, data);
    const theirs = await nextOf(server.incomingBidirectionalStreams);
    const back = writeAll(theirs.writable, data);
    const [a, b] = await Promise.all([readAll(theirs.readable), readAll(mine.readable)]);
    expect(a.equals(data)).toBe(true);
    expect(b.equals(data)).toBe(true);
    await Promise.all([sent, back]);
  });

  test('reset and stop carry their codes', async () => {
    const { pair } = await loopback();
    const { client, server } = await pair();
    const first = await client.createBidirectionalStream();
    const writer = first.writable.getWriter();
    await writer.write(pattern(10));
    const other = await nextOf(server.incomingBidirectionalStreams);
    await writer.abort(Object.assign(new Error('no'), { streamErrorCode: 77 }));
    await expect(readAll(other.readable)).rejects.toMatchObject({ code: 'stream_reset', streamErrorCode: 77 });
    await first.readable.cancel(Object.assign(new Error('no'), { streamErrorCode: 78 }));
    const failing = other.writable.getWriter();
    await expect(failing.closed).rejects.toMatchObject({ code: 'stream_stopped', streamErrorCode: 78 });
  });

  test('streams beyond the limit wait until it is raised', async () => {
    const { pair } = await loopback({ limits: { maxBidiStreams: 1 } });
    const { client, server } = await pair();
    await client.createBidirectionalStream();
    let opened = false;
    const second = client.createBidirectionalStream().then(() => {
      opened = true;
    });
    // A round trip of something else shows that the second had its time.
    server.datagrams.send(Uint8Array.of(1));
    await nextOf(client.datagrams.readable);
    expect(opened).toBe(false);
    server.setStreamLimits({ bidi: 2, uni: 1 });
    await second;
  });
});

describeWithEngine('datagrams over loopback', () => {
  test('by handler and by web streams, with the time of arrival', async () => {
    const { pair } = await loopback();
    const { client, server } = await pair();
    const before = Number(process.hrtime.bigint() / 1000n);
    const got = new Promise<[number[], number]>((resolve) => {
      server.datagrams.setHandler((data, atUs) => resolve([[...data], atUs]));
    });
    expect(client.datagrams.send(Uint8Array.of(1, 2, 3))).toBe(true);
    const [data, atUs] = await got;
    expect(data).toEqual([1, 2, 3]);
    expect(atUs).toBeGreaterThanOrEqual(before);
    expect(atUs).toBeLessThanOrEqual(Number(process.hrtime.bigint() / 1000n));
    await server.datagrams.writable.getWriter().write(Uint8Array.of(9));
    expect(await nextOf(client.datagrams.readable)).toEqual(Uint8Array.of(9));
  });

  test('a refusing session hears nothing, and it is counted', async () => {
    const { pair } = await loopback({ datagrams: 'refuse' });
    const { client, server } = await pair();
    const heard: number[] = [];
    server.datagrams.setHandler((d) => heard.push(d[0]!));
    client.datagrams.send(Uint8Array.of(7));
    await expect.poll(async () => (await server.getStats())['dropped_refused_unauthorised']).toBe(1);
    server.setDatagramMode('deliver');
    await server.getStats();
    client.datagrams.send(Uint8Array.of(8));
    await expect.poll(() => heard).toEqual([8]);
  });
});
