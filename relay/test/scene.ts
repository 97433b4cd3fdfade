import { expect } from 'vitest';
import type { Rig } from './bodies.ts';
import type { TestClient } from './client.ts';

export const bytes = (...values: number[]) => Uint8Array.from(values);

export async function live(rig: Rig, options = {}): Promise<TestClient> {
  const client = await rig.join(options);
  expect(await client.request({ t: 'publish' })).toMatchObject({ t: 'publishing' });
  return client;
}

export async function watching(rig: Rig, options = {}): Promise<TestClient> {
  const client = await rig.join({ roles: ['viewer'], ...options });
  expect(await client.request({ t: 'watch' })).toMatchObject({ t: 'done' });
  return client;
}

/** What the relay counts, asked until it is so: counters are read from another thread. */
export async function eventually<T>(read: () => Promise<T>, matches: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await read();
    if (matches(value) || tries >= 750) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
