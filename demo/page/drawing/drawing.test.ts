import { afterEach, describe, expect, it, vi } from 'vitest';
import { CHANNEL_COUNT } from '../../avatar/channels.ts';
import { say } from '../language/language.ts';
import { ableWorker } from './choose.ts';
import { readPoses, type Sheet, sheetLength, type ToDrawWorker, writePose } from './sheet.ts';
import { WorkerPainter } from './worker-painter.ts';

class FakeWorker {
  onmessage: ((event: { data: unknown }) => void) | undefined;
  onerror: ((event: { message: string }) => void) | undefined;
  ended = false;
  readonly sent: ToDrawWorker[] = [];
  postMessage(message: ToDrawWorker): void {
    this.sent.push(message);
  }
  terminate(): void {
    this.ended = true;
  }
  get poses() {
    return this.sent.filter((message) => message.type === 'poses');
  }
}

const NAME = say((w) => w.yourAvatar);
const asWorker = (fake: FakeWorker) => fake as unknown as Worker;

afterEach(() => vi.unstubAllGlobals());

describe('where to draw', () => {
  const choose = (fake: FakeWorker, transferable = true) => {
    let timer = () => {};
    const chosen = ableWorker({
      transferable,
      startWorker: () => asWorker(fake),
      setTimer: (run) => {
        timer = run;
      },
    });
    return { chosen, expire: () => timer() };
  };

  it('is a worker that says it can', async () => {
    const fake = new FakeWorker();
    const { chosen } = choose(fake);
    fake.onmessage!({ data: { type: 'able', able: true } });
    expect(await chosen).toBe(fake);
    expect(fake.ended).toBe(false);
  });

  it('is the page where canvases cannot be given away: no worker is even started', async () => {
    const startWorker = vi.fn();
    expect(await ableWorker({ transferable: false, startWorker, setTimer: () => 0 })).toBeUndefined();
    expect(startWorker).not.toHaveBeenCalled();
  });

  it.each<[string, (fake: FakeWorker, expire: () => void) => void]>([
    ['has no 2D context', (fake) => fake.onmessage!({ data: { type: 'able', able: false } })],
    ['does not load', (fake) => fake.onerror!({ message: '404' })],
    ['is silent', (_fake, expire) => expire()],
  ])('is the page when the worker %s, and that worker ends', async (_name, happen) => {
    const fake = new FakeWorker();
    const { chosen, expire } = choose(fake);
    happen(fake, expire);
    expect(await chosen).toBeUndefined();
    expect(fake.ended).toBe(true);
  });

  it('is the page where there are no workers', async () => {
    const startWorker = () => {
      throw new Error('no workers here');
    };
    expect(await ableWorker({ transferable: true, startWorker, setTimer: () => 0 })).toBeUndefined();
  });
});

describe('the sheet of poses', () => {
  it('gives back ids, times and values', () => {
    const sheet: Sheet = new Float64Array(sheetLength(2));
    const one = new Float32Array(CHANNEL_COUNT).map((_, i) => i / 61);
    const two = one.map((value) => -value);
    writePose(sheet, 0, 7, true, one);
    writePose(sheet, 1, 9, false, two);
    const values = new Float32Array(CHANNEL_COUNT);
    const seen: unknown[] = [];
    readPoses(sheet, 2, values, (id, awake) => seen.push([id, awake, values.slice()]));
    expect(seen).toEqual([
      [7, true, one],
      [9, false, two],
    ]);
  });
});

describe('drawing in a worker', () => {
  function painting() {
    const fake = new FakeWorker();
    const canvas = { setAttribute() {}, append() {}, transferControlToOffscreen: () => ({}) };
    vi.stubGlobal('document', { createElement: () => canvas });
    vi.stubGlobal(
      'ResizeObserver',
      class {
        observe() {}
        disconnect() {}
      },
    );
    const errors: unknown[] = [];
    const painter = new WorkerPainter(asWorker(fake), (error) => errors.push(error));
    const values = new Float32Array(CHANNEL_COUNT);
    /** The worker's answer to its n-th frame. */
    const drawn = (n: number, atMs = performance.timeOrigin + performance.now()) =>
      fake.onmessage!({ data: { type: 'drawn', sheet: (fake.poses[n] as { sheet: Sheet }).sheet, atMs, tookMs: 3 } });
    return { fake, painter, values, drawn, errors };
  }

  it('sends one message a frame, whatever the number of faces', () => {
    const { fake, painter, values, drawn } = painting();
    const faces = [0, 1, 2].map((slot) => painter.portrait(slot, NAME));
    for (const face of faces) face.pose(values, true);
    expect(painter.flush(10)).toBe(true);
    expect(fake.poses).toHaveLength(1);
    expect(fake.poses[0]).toMatchObject({ rows: 3 });
    drawn(0);
    expect(painter.figures).toMatchObject({ drawn: 1, skipped: 0, drawMs: 3 });
  });

  it('leaves frames out when the worker is behind, and uses its arrays again', () => {
    const { fake, painter, values, drawn } = painting();
    const face = painter.portrait(0, NAME);
    const frame = (nowMs: number) => {
      face.pose(values, true);
      return painter.flush(nowMs);
    };
    expect([frame(1), frame(2), frame(3), frame(4)]).toEqual([true, true, false, false]);
    expect(painter.figures.skipped).toBe(2);
    drawn(0);
    expect(frame(5)).toBe(true);
    expect(fake.poses).toHaveLength(3);
    const sheets = fake.poses.map((message) => (message as { sheet: Sheet }).sheet);
    expect(new Set(sheets).size).toBeLessThanOrEqual(3);
    drawn(1);
    drawn(2);
    for (let n = 6; n < 30; n += 1) {
      expect(frame(n)).toBe(true);
      drawn(fake.poses.length - 1);
    }
    expect(new Set(fake.poses.map((message) => (message as { sheet: Sheet }).sheet)).size).toBeLessThanOrEqual(3);
  });

  it('tells what the worker could not draw', () => {
    const { fake, errors } = painting();
    fake.onerror!({ message: 'no such curve' });
    expect(errors).toEqual(['no such curve']);
  });
});
