import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LinkProfile, openEngine } from '@hayate/engine';
import { engineConnector } from '@hayate/transport/engine';
import { perform } from '../../cli/performance.ts';
import { freePorts } from '../lib/free-ports.ts';
import { startRelayProcess } from '../lib/relay-process.ts';

const ROOM = 'demo';
const FPS = 60;

/** A relay with the page, a liver who talks without a pause in what is sent, and a network that viewers come through. */
export interface DemoRig {
  /** The viewer's page. */
  page: string;
  http: string;
  close(): Promise<void>;
}

/** `link`: one way, both ways alike, for what the page sends and gets by QUIC. */
export async function openDemo(link: LinkProfile): Promise<DemoRig> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-demo-'));
  const [near, far] = (await freePorts(2)) as [number, number];
  const url = (port: number) => `https://127.0.0.1:${port}/v1`;
  const relay = await startRelayProcess(folder, ['--listen-port', `${near}`, '--public-url', url(far)]);
  const engine = openEngine();
  const end = async () => {
    await engine.close();
    await relay.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    engine.proxy({
      ...{ host: '127.0.0.1', port: far, target: { host: '127.0.0.1', port: near } },
      link: { tx: { ...link, seed: 1 }, rx: { ...link, seed: 2 } },
    });
    const { liverToken, hash } = await relay.tokens(ROOM);
    const liver = await perform(
      { url: url(near), certificateHashes: [hash], token: liverToken },
      { connector: engineConnector(engine), seed: 1, fps: FPS, dtx: false },
    );
    return {
      page: `${relay.http}/?room=${ROOM}`,
      http: relay.http,
      async close() {
        await liver.stop();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}
