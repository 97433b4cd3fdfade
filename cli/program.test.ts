import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatLiveLinkCsv } from '@hayate/codec/motion';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from './program.ts';
import { call } from './test/call.ts';
import { concat, opusHead, simplePage, TAGS } from './test/ogg-writer.ts';

const BIN = fileURLToPath(new URL('./bin/hayate.ts', import.meta.url));

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'hayate-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

describe('what is read only in part', () => {
  it('is no error, as in `hayate relay --help | head`', async () => {
    const child = spawn(process.execPath, [BIN, 'relay', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
    // Before anything is written: each write fails.
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([code, said]).toEqual([0, '']);
  });
});

describe('arguments', () => {
  it.each([
    [['--help'], /hayate publish --room demo/],
    [['watch', '--help'], /--link <profile>/],
    [['relay', '--help'], /--rooms-linger-ms <ms>/],
    [['gift', '--help'], /--ticket <jwt>/],
    [['codec-bench', '--help'], /--key-interval <frames>/],
    [['--version'], /^0\.1\.0/],
  ])('%j is no error', async (args, text) => {
    const { code, out } = await call(...args);
    expect([code, out]).toEqual([EXIT.ok, expect.stringMatching(text)]);
  });

  it.each([
    [['dance'], /unknown command 'dance'/],
    [['watch'], /required option '--room <name>'/],
    [['watch', '--room', 'r', '--seconds', 'soon'], /a number from 0.1/],
    [['watch', '--room', 'r', '--link', 'lag=3'], /unknown key "lag"/],
    [['watch', '--room', 'r', '--lnk', 'x'], /unknown option '--lnk'/],
    [['watch', '--room', 'r', '--url', 'https://127.0.0.1:1/v1'], /--url wants --token/],
    [['publish', '--room', 'r'], /missing required argument 'file.csv'/],
    [['token', '--room', 'r', '--sub', 'x', '--role', 'king'], /Allowed choices are liver, viewer, moderator/],
    [['token', '--room', 'r', '--sub', 'x', '--ttl', '0'], /a number from 1/],
    [['gift', '--room', 'r', '--amount', '0'], /a number from 1/],
    [['gift', '--room', 'r', '--url', 'https://127.0.0.1:1/v1', '--token', 'x'], /--url wants --ticket/],
    [['link', '--listen', 'nowhere'], /HOST:PORT/],
    [['link', '--up', 'up:delay=3'], /unknown key/],
    [['codec-bench'], /missing required argument 'file.csv'/],
    [['codec-bench', 'a.csv', '--profile', 'best'], /Allowed choices are std, hi, lo/],
    [['codec-bench', 'a.csv', '--key-interval', '1.5'], /a whole number/],
    [['codec-bench', 'a.csv', '--fps', '0'], /a number from 1/],
    [['relay', '--rooms-max', 'many'], /rooms\.max .*"many" is not a number/],
    [['relay', '--transport', 'pigeon'], /Allowed choices are auto, engine, websocket/],
    [['relay', '--config', '/nonexistent.json'], /cannot read/],
  ])('%j is wrong usage', async (args, text) => {
    const { code, out, err } = await call(...args);
    expect([code, out, err]).toEqual([EXIT.usage, '', expect.stringMatching(text)]);
  });

  it('says how to get a relay when there is none', async () => {
    const { code, err } = await call('watch', '--room', 'r', '--state-dir', join(dir, 'empty'));
    expect([code, err]).toEqual([EXIT.usage, expect.stringContaining('hayate relay --dev')]);
  });

  it('fails on a recording that cannot be read, with its line', async () => {
    const file = join(dir, 'broken.csv');
    writeFileSync(file, 'Timecode,BlendShapeCount\n');
    const { code, err } = await call('publish', '--room', 'r', file);
    expect([code, err]).toEqual([EXIT.failed, expect.stringContaining('line 1')]);
  });

  it.each([
    ['that is not there', undefined, /cannot read .*nothing\.csv/],
    ['that is no recording', 'a,b', /nothing\.csv: line 1/],
  ])('codec-bench fails on a file %s', async (_, text, message) => {
    const file = join(mkdtempSync(join(dir, 'bench-')), 'nothing.csv');
    if (text !== undefined) writeFileSync(file, text);
    const { code, out, err } = await call('codec-bench', file);
    expect([code, out, err]).toEqual([EXIT.failed, '', expect.stringMatching(message)]);
  });

  it('mints with a key file', async () => {
    const keyFile = join(dir, 'key');
    writeFileSync(keyFile, 'k'.repeat(32));
    const { code, out } = await call('token', '--room', 'r', '--sub', 'ann', '--role', 'liver', '--key-file', keyFile);
    const claims = JSON.parse(Buffer.from(out.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
    expect([code, claims]).toMatchObject([EXIT.ok, { room: 'r', sub: 'ann', roles: ['liver', 'viewer'] }]);
  });
});

class Verb {
  readonly lines: string[] = [];
  readonly exited: Promise<number | null>;
  readonly child: ChildProcess;
  err = '';

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let rest = '';
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop()!;
      this.lines.push(...parts);
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.exited = new Promise((resolve) => this.child.on('close', resolve));
  }

  async event(name: string): Promise<Record<string, unknown>> {
    for (;;) {
      const line = this.lines.find((text) => text.includes(`"event":"${name}"`));
      if (line) return JSON.parse(line) as Record<string, unknown>;
      const code = await Promise.race([this.exited, new Promise<undefined>((resolve) => setTimeout(resolve, 10))]);
      if (code !== undefined) throw new Error(`ended with ${code} before "${name}": ${this.err}`);
    }
  }
}

describe('verbs', () => {
  it('gift prints a receipt that a killed relay still knows', async () => {
    const state = ['--state-dir', join(dir, 'gifts')];
    const free = ['--listen-port', '0', '--http-port', '0', '--metrics-port', '0', '--api-port', '0'];
    const start = async () => {
      const relay = new Verb('relay', '--dev', '--json', '--log-level', 'warn', ...state, ...free);
      await relay.event('ready');
      return relay;
    };
    const gift = async (...args: string[]) => {
      const verb = new Verb('gift', '--room', 'r', '--sub', 'ann', '--json', ...state, ...args);
      // Warnings of the fallback are no failure.
      expect(await verb.exited, verb.err).toBe(EXIT.ok);
      return JSON.parse(verb.lines[0]!) as { ticket: string; number: number; atMs: number };
    };
    let relay = await start();
    try {
      const { ticket, ...receipt } = await gift('--liver', 'mio', '--amount', '250');
      expect(receipt).toMatchObject({ room: 'r', number: 1, gift: 1, repeat: false });
      relay.child.kill('SIGKILL');
      await relay.exited;
      relay = await start();
      expect(await gift('--ticket', ticket)).toEqual({ ticket, ...receipt, repeat: true });
      expect(await gift('--liver', 'mio')).toMatchObject({ number: 2, repeat: false });
      const nobody = new Verb('gift', '--room', 'r', ...state);
      expect([await nobody.exited, nobody.err]).toEqual([EXIT.usage, expect.stringContaining('nobody is live')]);
      const stranger = new Verb('gift', '--room', 'r', '--sub', 'bo', '--ticket', ticket, ...state);
      expect([await stranger.exited, stranger.err]).toEqual([EXIT.failed, expect.stringContaining('wrong_sender')]);
    } finally {
      relay.child.kill('SIGTERM');
      await relay.exited;
    }
  }, 60_000);

  it('relay, publish and watch find each other and end as they say', async () => {
    const state = ['--state-dir', join(dir, 'state')];
    const free = ['--listen-port', '0', '--http-port', '0', '--metrics-port', '0', '--api-port', '0'];
    const relay = new Verb('relay', '--dev', '--json', '--log-level', 'warn', ...state, ...free);
    try {
      const ready = await relay.event('ready');
      expect(ready).toMatchObject({ url: expect.stringMatching(/^https:/), http: expect.stringMatching(/^http:/) });
      const csv = join(dir, 'face.csv');
      const frames = Array.from({ length: 60 }, (_, i) => ({
        timeUs: Math.round((i * 1_000_000) / 60),
        frame: { face: i !== 7, values: new Float32Array(61).fill(i / 60) },
      }));
      writeFileSync(csv, [...formatLiveLinkCsv(frames, { fps: 60 })].join('\n'));
      const opus = join(dir, 'voice.opus');
      const packets = Array.from({ length: 50 }, (_, i) => simplePage(Uint8Array.of(31 << 3, i)));
      writeFileSync(opus, concat(simplePage(opusHead()), simplePage(TAGS), ...packets));
      const log = join(dir, 'sent.jsonl');
      const watch = new Verb('watch', '--room', 'r', '--json', '--seconds', '3', ...state);
      await watch.event('ready');
      const sound = ['--voice', opus, '--hold', '20'];
      const publish = new Verb('publish', '--room', 'r', '--json', '--loop', ...sound, '--log', log, ...state, csv);
      await watch.exited;
      publish.child.kill('SIGTERM');
      expect([await watch.exited, await publish.exited]).toEqual([EXIT.ok, EXIT.ok]);
      const events = watch.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      expect([events[0], events.at(-1)]).toMatchObject([{ event: 'ready' }, { event: 'summary' }]);
      const shown = events.slice(1, -1);
      const summary = events.at(-1)!;
      expect(summary).toMatchObject({ lost: 0, undecodable: 0, duplicate: 0 });
      expect(summary['frames']).toBe(shown.length);
      expect(shown.length).toBeGreaterThan(120);
      expect(summary['voicePackets']).toBeGreaterThan(100);
      // What arrived was sent, and at that time within the uncertainty: one clock on one machine.
      const sent = new Map(
        readFileSync(log, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { kind: string; sequence: number; captureUs: number })
          .filter(({ kind }) => kind === 'motion')
          .map(({ sequence, captureUs }) => [sequence, captureUs]),
      );
      for (const frame of shown as { sequence: number; captureUs: number; uncertaintyMs: number; face: boolean }[]) {
        const errorMs = (frame.captureUs - sent.get(frame.sequence)!) / 1000;
        expect(Math.abs(errorMs)).toBeLessThanOrEqual(frame.uncertaintyMs + 0.001);
      }
      // Frame 7 of each lap of a second has no face. By time and not by sequence: a loaded machine may skip stale frames.
      const faces = shown as { sequence: number; face: boolean }[];
      const withoutUs = faces.filter(({ face }) => !face).map(({ sequence }) => sent.get(sequence)!);
      expect(withoutUs.length).toBeGreaterThan(0);
      for (const { sequence, face } of faces) {
        const lapUs = (((sent.get(sequence)! - withoutUs[0]!) % 1_000_000) + 1_000_000) % 1_000_000;
        expect(face).toBe(Math.min(lapUs, 1_000_000 - lapUs) > 5_000);
      }
      const nobody = new Verb('watch', '--room', 'empty', '--wait', '0.5', ...state);
      expect([await nobody.exited, nobody.err]).toEqual([
        EXIT.failed,
        expect.stringContaining('is anybody publishing?'),
      ]);
    } finally {
      relay.child.kill('SIGTERM');
    }
    expect(await relay.exited).toBe(EXIT.ok);
    expect(relay.lines.at(-1)).toBe('{"event":"closed"}');
  });
});
