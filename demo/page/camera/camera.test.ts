import { ARKIT_CHANNELS } from '@hayate/codec/motion';
import { describe, expect, it } from 'vitest';
import { captureTimeOf, troubleOf } from './camera.ts';
import { ownOriginOnly } from './own-network.ts';
import { Smoother } from './smoothing.ts';

const JAW = ARKIT_CHANNELS.indexOf('jawOpen');
const BLINK = ARKIT_CHANNELS.indexOf('eyeBlinkLeft');
const YAW = ARKIT_CHANNELS.indexOf('headYaw');

describe('smoothing', () => {
  const step = (how: 'none' | 'slight', gapMs = 33) => {
    const smoother = new Smoother();
    smoother.apply(new Float32Array(61), 0, how);
    const values = new Float32Array(61).fill(1);
    smoother.apply(values, gapMs, how);
    return values;
  };

  it('leaves everything alone where none is wanted, and eyelids always', () => {
    expect([...step('none')]).toEqual(Array.from({ length: 61 }, () => 1));
    expect(step('slight')[BLINK]).toBe(1);
  });

  it('lags behind a step by its time constant, angles more than shapes', () => {
    expect(step('slight')[JAW]).toBeCloseTo(1 - Math.exp(-33 / 15), 5);
    expect(step('slight')[YAW]).toBeCloseTo(1 - Math.exp(-33 / 30), 5);
  });

  it('begins anew after a gap, and when time goes back', () => {
    expect(step('slight', 400)[JAW]).toBe(1);
    expect(step('slight', -5)[JAW]).toBe(1);
  });
});

describe('capture time', () => {
  it('is the camera’s where the browser tells it, in this clock', () => {
    expect(captureTimeOf({ captureTime: 980, presentationTime: 995 }, 1000)).toBe(980);
    expect(captureTimeOf({ presentationTime: 995 }, 1000)).toBe(995);
    // Of another clock, or to come.
    expect(captureTimeOf({ captureTime: 5_000_000, presentationTime: 995 }, 1000)).toBe(995);
    expect(captureTimeOf({ captureTime: -5000, presentationTime: 1016 }, 1000)).toBe(1000);
  });
});

it('tells why there is no camera', () => {
  const named = (name: string) => troubleOf(Object.assign(new Error(), { name }));
  expect(
    ['NotAllowedError', 'NotFoundError', 'OverconstrainedError', 'NotReadableError', 'TypeError'].map(named),
  ).toEqual(['refused', 'absent', 'absent', 'busy', 'unsupported']);
});

describe('a tracker’s network', () => {
  it('ends at its own origin', async () => {
    const asked: string[] = [];
    const scope = {
      location: { origin: 'http://127.0.0.1:8080' },
      fetch: async (input: string | URL | Request) => {
        asked.push(String(input));
        return new Response('');
      },
      XMLHttpRequest: class {},
      WebSocket: class {},
    };
    ownOriginOnly(scope as unknown as Parameters<typeof ownOriginOnly>[0]);
    await scope.fetch('/wasm/x.wasm');
    await scope.fetch('data:,x');
    await expect(scope.fetch('https://elsewhere.example/v1/log')).rejects.toThrow('not from here');
    await expect(scope.fetch(new Request('https://elsewhere.example/v1/log'))).rejects.toThrow('not from here');
    expect(asked).toEqual(['/wasm/x.wasm', 'data:,x']);
    expect([scope.XMLHttpRequest, scope.WebSocket]).toEqual([undefined, undefined]);
  });
});
