import type { RelayConfig, RunningRelay } from '@hayate/relay';
import { readDevState } from '@hayate/relay';
import { Command } from 'commander';
import { openDialler } from '../connector.ts';
import { perform } from '../performance.ts';
import { addRelayOptions, relayConfig, runRelay } from '../relay-process.ts';
import { devToken } from '../target.ts';

const FPS = 60;
/** Behind an emulated link a relay listens there at least. */
const LOOPBACK = '127.0.0.1';

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('Development relay, page and a liver that talks: what `npm start` runs. Open the printed address.')
    .option('--json', 'events as JSON lines on standard output')
    .option('--room <name>', 'the room of the built-in liver', 'demo')
    .option('--seed <n>', 'who performs', '1')
    .option('--face-model <file>', 'face_landmarker.task of MediaPipe for the page’s camera (default: from its makers)')
    .action((options: Record<string, unknown>) => {
      const config = relayConfig({ ...options, dev: true });
      // The page is the thing here; the relay's own log would bury its address.
      if (options['logLevel'] === undefined && process.env['HAYATE_RELAY_LOG_LEVEL'] === undefined) {
        config.log.level = 'warn';
      }
      return runRelay(config, {
        json: options['json'] === true,
        faceModel: options['faceModel'] as string | undefined,
        beside: (relay) => beside(relay, config, String(options['room']), Number(options['seed'])),
      });
    });
  return addRelayOptions(command, ['dev']);
}

/** The built-in liver: through the client and the relay's front door, as any other. */
async function beside(
  relay: RunningRelay,
  { stateDir, emulateLink }: RelayConfig,
  room: string,
  seed: number,
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
