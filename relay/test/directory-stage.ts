import { BucketDirectory, type DirectoryOptions } from '../directory/directory.ts';
import { type Directory, MemoryCloud, type RelayEntry } from '../directory/index.ts';
import { ManualClock } from './clock.ts';

/** Regions `jp` and `us` as a test of the directory sees them, whatever they are made of. */
export interface DirectoryStage {
  /** Of a relay that has just started; ready. `kill` takes it away without a word. */
  directory(region: string): Promise<{ directory: Directory; kill: () => Promise<void> }>;
  /** The domain goes away with all it has kept, and comes back. */
  away(region: string): Promise<void>;
  back(region: string): Promise<void>;
  /** Each region has all of the other's buckets. */
  copied(): Promise<void>;
  /** The line between the regions. */
  cut(): Promise<void>;
  heal(): Promise<void>;
  /** Lets time pass until it is so; throws when it never is. */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Everything is fresh and forgotten. */
  stop(): Promise<void>;
}

export function relayEntry(id: string, region: string, more: Partial<RelayEntry> = {}): RelayEntry {
  return {
    id,
    region,
    url: `https://${id}.example.net:4433/v1`,
    certificateHashes: ['ab'.repeat(32)],
    trunk: { host: `${id}.example.net`, port: 4434 },
    load: { viewers: 0, rooms: 0, cpu: 0, egressBps: 0 },
    draining: false,
    ...more,
  };
}

/** Lets microtasks and what they start run out. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

export interface MemoryStage extends DirectoryStage {
  cloud: MemoryCloud;
  clock: ManualClock;
  /** So much later, with all that happens on the way. */
  pass(ms: number): Promise<void>;
}

export function memoryStage(options: DirectoryOptions = {}): MemoryStage {
  const clock = new ManualClock(1_000_000);
  const cloud = new MemoryCloud({ regions: ['jp', 'us'], clock });
  let seed = 1;
  const random = () => {
    seed = (seed * 48271) % 0x7fffffff;
    return seed / 0x7fffffff;
  };
  const all: Directory[] = [];
  const until = async (what: string, condition: () => boolean | Promise<boolean>) => {
    for (let ms = 0; ms < 120_000; ms += 50) {
      await settled();
      if (await condition()) return;
      clock.advance(50);
    }
    throw new Error(`not within 120 s: ${what}`);
  };
  return {
    cloud,
    clock,
    until,
    pass: async (ms) => {
      for (let passed = 0; passed < ms; passed += 50) {
        clock.advance(50);
        await settled();
      }
    },
    directory: async (region) => {
      const substrate = cloud.substrate(region);
      const directory = new BucketDirectory(substrate, { clock, random, ...options });
      all.push(directory);
      await settled();
      return { directory, kill: () => substrate.shutdown() };
    },
    away: async (region) => cloud.away(region, true),
    back: async (region) => cloud.away(region, false),
    copied: settled,
    cut: async () => cloud.cut('jp', 'us', true),
    heal: async () => cloud.cut('jp', 'us', false),
    stop: async () => {
      await Promise.all(all.map((directory) => directory.shutdown()));
    },
  };
}
