import type { RelayConfig, RunningRelay } from '@hayate/relay';
import { readDevState } from '@hayate/relay';
import { Command } from 'commander';
import { openDialler } from '../connector.ts';
import { openLog } from '../log.ts';
import { perform } from '../performance.ts';
import { addRelayOptions, relayConfig, runRelay } from '../relay-process.ts';
import { devToken } from '../target.ts';
import { startTwoRegions, type TwoRegionsOptions } from '../two-regions.ts';
import { onInterrupt } from '../until.ts';
import { numberFrom } from '../usage.ts';

const FPS = 60;
/** Behind an emulated link a relay listens there at least. */
const LOOPBACK = '127.0.0.1';

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('Development relay, page and a liver that talks: what `npm start` runs. Open the printed address.')
    .option('--json', 'events as JSON lines on standard output')
    .option('--room <name>', 'the room of the built-in liver', 'demo')
    .option('--seed <n>', 'who performs', '1')
    .option(
      '--regions',
      'two relays, Tokyo and Chicago, across an emulated ocean, and a page that shows both; of the relay’s settings only --http-port and --log-level count',
    )
    .option('--ocean <ms>', 'with --regions: one way between them', numberFrom(0, 1000), 65)
    .option('--face-model <file>', 'face_landmarker.task of MediaPipe for the page’s camera (default: from its makers)')
    .action((options: Record<string, unknown>) => {
      const config = relayConfig({ ...options, dev: true });
      const performance = { room: String(options['room']), seed: Number(options['seed']) };
      // The page is the thing here; the relay's own log would bury its address.
      if (options['logLevel'] === undefined && process.env['HAYATE_RELAY_LOG_LEVEL'] === undefined) {
        config.log.level = 'warn';
      }
      if (options['regions'] === true) {
        return runRegions(
          { ...performance, oceanMs: Number(options['ocean']), json: options['json'] === true },
          config,
        );
      }
      return runRelay(config, {
        json: options['json'] === true,
        faceModel: options['faceModel'] as string | undefined,
        beside: (relay) => beside(relay, config, performance),
      });
    });
  return addRelayOptions(command, ['dev']);
}

/** Until a signal; then all of it ends. */
async function runRegions(
  { json, ...options }: Pick<TwoRegionsOptions, 'room' | 'seed' | 'oceanMs'> & { json: boolean },
  config: RelayConfig,
): Promise<void> {
  const interrupt = onInterrupt();
  const logger = openLog({ level: config.log.level });
  const regions = await startTwoRegions({ ...options, httpPort: config.http.port, logger });
  try {
    const relays = Object.fromEntries(Object.entries(regions.relays).map(([name, { url }]) => [name, url]));
    const say = (event: object, text: string) => process.stdout.write(json ? `${JSON.stringify(event)}\n` : text);
    const lines = Object.entries(relays).map(([name, url]) => `${name}       ${url}\n`);
    say({ event: 'ready', page: regions.page, relays }, `${lines.join('')}page     ${regions.page}\n`);
    await interrupt.wait();
    await regions.close();
    say({ event: 'closed' }, '');
  } finally {
    await regions.close();
    interrupt.dispose();
  }
}

/** The built-in liver: through the client and the relay's front door, as any other. */
async function beside(
  relay: RunningRelay,
  { stateDir, emulateLink }: RelayConfig,
  { room, seed }: { room: string; seed: number },
): Promise<() => Promise<void>> {
  const state = readDevState(stateDir);
  if (!state) throw new Error(`the relay wrote no state into ${stateDir}`);
  // Not by the emulated link, where there is one: that is the viewers' network.
  const url = emulateLink ? `https://${LOOPBACK}:${relay.address.port}${new URL(relay.url).pathname}` : relay.url;
  const dialler = openDialler({ url, stateDir });
  const target = {
    url,
    certificateHashes: relay.certificateHashes,
    token: () => devToken(state, { room, role: 'liver', sub: 'performer', name: 'Hayate' }),
  };
  const liver = await perform(target, {
    ...{ connector: dialler.connector, seed, fps: FPS, dtx: true },
    onWarning: (error) => process.stderr.write(`hayate: the liver was told ${error.code}: ${error.message}\n`),
  });
  return async () => {
    await liver.stop();
    await dialler.close();
  };
}
