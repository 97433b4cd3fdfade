import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RelayTarget } from '@hayate/client';
import { issueCertificate, makeAuthority, openEngine } from '@hayate/engine';
import {
  type MintOptions,
  mintToken,
  type RelayConfigInput,
  type RelayDeps,
  type RunningRelay,
  readSharedKey,
  startRelay,
} from '@hayate/relay';
import { MemoryCloud } from '@hayate/relay/directory';
import { engineConnector } from '@hayate/transport/engine';
import type { RigAccess } from '../lab/lib/nats.ts';

/** Relays of several regions in this process, on one directory in memory, each with its own engine. */
export interface ClusterRig {
  readonly cloud: MemoryCloud;
  readonly connector: ReturnType<typeof engineConnector>;
  relay(id: string): RunningRelay;
  /** Of its service API. */
  serviceToken(id: string): string;
  target(id: string, options: Partial<MintOptions> & { sub: string }): RelayTarget;
  /** Ends it without a word to anybody. */
  kill(id: string): Promise<void>;
  close(): Promise<void>;
}

export interface ClusterOptions {
  /** In NATS. Default: in memory. */
  directory?: boolean;
  logger?: RelayDeps['logger'];
  /** One way between two regions. */
  oceanMs?: number;
}

const KEY = 'a key that all relays of the cluster under test share';

export async function startCluster(
  regions: Record<string, number>,
  config: RelayConfigInput = {},
  /** For gifts, and with `directory` for the directory too, which is in memory otherwise. Default: none. */
  nats: (region: string, relayId: string) => RigAccess = () => ({ servers: [] }),
  { directory: inNats = false, logger, oceanMs = 0 }: ClusterOptions = {},
): Promise<ClusterRig> {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-cluster-'));
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const authority = makeAuthority();
  const caFile = write('ca.pem', authority.cert);
  const keyFile = write('token.key', KEY);
  const cloud = new MemoryCloud({ regions: Object.keys(regions) });
  const dialler = openEngine();
  const relays = new Map<string, { relay: RunningRelay; engine: ReturnType<typeof openEngine> }>();
  for (const [region, count] of Object.entries(regions)) {
    for (let n = 1; n <= count; n++) {
      const relayId = `${region}-${n}`;
      const issued = issueCertificate({ authority, names: [`${relayId}.relay.hayate`] });
      const stateDir = join(dir, relayId);
      const access = nats(region, relayId);
      mkdirSync(stateDir);
      const engine = openEngine();
      const relay = await startRelay(
        {
          ...config,
          dev: true,
          stateDir,
          token: { keyFile },
          transport: 'engine',
          log: { level: 'silent' },
          listen: { port: 0 },
          http: { port: 0 },
          metrics: { port: 0 },
          api: { port: 0 },
          cluster: {
            relayId,
            region,
            regions: Object.keys(regions),
            natsUrls: access.servers,
            natsCaFile: access.caFile,
            natsCredsFile: access.credsFile,
            natsReplicas: 1,
            listen: { host: '127.0.0.1', port: 0 },
            caFile,
            certFile: write(`${relayId}.pem`, issued.cert),
            keyFile: write(`${relayId}.key`, issued.key),
            ...(oceanMs > 0 && {
              emulate: {
                region: Object.keys(regions).find((each) => each !== region),
                ...{ outMs: oceanMs, backMs: oceanMs },
              },
            }),
          },
        },
        {
          engine,
          ...(!inNats && { directory: cloud.directory(region) }),
          ...(logger && { logger }),
        },
      );
      relays.set(relayId, { relay, engine });
    }
  }
  return {
    cloud,
    connector: engineConnector(dialler),
    relay: (id) => relays.get(id)!.relay,
    serviceToken: (id) => readFileSync(join(dir, id, 'service.token'), 'utf8').trim(),
    target(id, options) {
      const { relay } = relays.get(id)!;
      return {
        url: relay.url,
        certificateHashes: relay.certificateHashes,
        token: () => mintToken(readSharedKey(keyFile), { room: 'r', roles: ['viewer'], ...options }),
      };
    },
    async kill(id) {
      await relays.get(id)!.engine.close();
    },
    async close() {
      await dialler.close();
      for (const { relay, engine } of relays.values()) {
        await relay.close();
        await engine.close();
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
