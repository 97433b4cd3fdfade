import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publish, type RelayTarget } from '@hayate/client';
import { createPerformer } from '@hayate/demo/performer';
import { engineAvailable } from '@hayate/engine';
import { mintToken, type Role, type RunningRelay, readSharedKey, startRelay } from '@hayate/relay';
import { findBrowsers } from '../browsers/index.ts';

/** Why pages cannot be tried here; undefined: they can. */
export function noPages(): string | undefined {
  const engine = engineAvailable();
  if (!engine.ok) return `no engine: ${engine.reason}`;
  return findBrowsers().chromium === undefined ? 'no Chromium here' : undefined;
}

export interface Rig {
  readonly relay: RunningRelay;
  target(room: string, role: Role, sub?: string): Promise<RelayTarget>;
  /** A performer's face at 30 frames a second, until the rig closes. */
  perform(room: string): Promise<void>;
  close(): Promise<void>;
}

export async function startRig(): Promise<Rig> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hayate-sdk-'));
  const free = { listen: { port: 0 }, http: { port: 0 }, metrics: { port: 0 }, api: { port: 0 } };
  const relay = await startRelay({ dev: true, transport: 'engine', stateDir, log: { level: 'silent' }, ...free });
  const ends: (() => void)[] = [];
  const target = async (room: string, role: Role, sub: string = role) => ({
    url: relay.url,
    certificateHashes: relay.certificateHashes,
    token: await mintToken(readSharedKey(relay.keyFile!), { room, sub, roles: [role], ttlSeconds: 600 }),
  });
  return {
    relay,
    target,
    async perform(room) {
      const publisher = publish(await target(room, 'liver'), { motion: { fps: 30 } });
      await publisher.ready;
      const performer = createPerformer({ seed: 3, fps: 30 });
      const startUs = publisher.room.nowUs();
      const camera = setInterval(() => {
        const nowUs = publisher.room.nowUs();
        publisher.motion(performer.frame(nowUs - startUs), nowUs);
      }, 1000 / 30);
      ends.push(() => {
        clearInterval(camera);
        publisher.room.close();
      });
    },
    async close() {
      for (const end of ends.splice(0)) end();
      await relay.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
