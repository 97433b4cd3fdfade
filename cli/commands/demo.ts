import { publish } from '@hayate/client';
import { createPerformer } from '@hayate/demo/performer';
import { createNodeVoice } from '@hayate/demo/voice';
import type { RunningRelay } from '@hayate/relay';
import { readDevState } from '@hayate/relay';
import { Command } from 'commander';
import { openDialler } from '../connector.ts';
import { Pacer } from '../pacer.ts';
import { addRelayOptions, relayConfig, runRelay } from '../relay-process.ts';
import { devToken } from '../target.ts';

const FPS = 60;
/** Opus packets of a silence that DTX leaves out. */
const MAX_SILENT_BYTES = 2;

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('Development relay, page and a liver that talks: what `npm start` runs. Open the printed address.')
    .option('--json', 'events as JSON lines on standard output')
    .option('--room <name>', 'the room of the built-in liver', 'demo')
    .option('--seed <n>', 'who performs', '1')
    .action((options: Record<string, unknown>) => {
      const config = relayConfig({ ...options, dev: true });
      // The page is the thing here; the relay's own log would bury its address.
      if (options['logLevel'] === undefined && process.env['HAYATE_RELAY_LOG_LEVEL'] === undefined) {
        config.log.level = 'warn';
      }
      return runRelay(config, {
        json: options['json'] === true,
        beside: (relay) => perform(relay, config.stateDir, String(options['room']), Number(options['seed'])),
      });
    });
  return addRelayOptions(command, ['dev']);
}

/** The built-in liver: through the client and the relay's front door, as any other. */
async function perform(
  relay: RunningRelay,
  stateDir: string,
  room: string,
  seed: number,
): Promise<() => Promise<void>> {
  const state = readDevState(stateDir);
  if (!state) throw new Error(`the relay wrote no state into ${stateDir}`);
  const performer = createPerformer({ seed, fps: FPS });
  const voice = await createNodeVoice(performer);
  const dialler = openDialler({ url: relay.url, stateDir });
  const publisher = publish(
    {
      url: relay.url,
      certificateHashes: relay.certificateHashes,
      token: () => devToken(state, { room, role: 'liver', sub: 'performer', name: 'Hayate' }),
    },
    { connector: dialler.connector, motion: { fps: FPS }, voice: { channels: 1, frameMs: voice.frameMs } },
  );
  publisher.on('warning', (error) =>
    process.stderr.write(`hayate: the liver was told ${error.code}: ${error.message}\n`),
  );
  await publisher.ready;
  const beginUs = publisher.room.nowUs();
  const atFrame = (n: number) => beginUs + Math.round(n * performer.frameUs);
  const atPacket = (n: number) => beginUs + n * voice.frameMs * 1000;
  let frame = 0;
  let packet = 0;
  const pacer = new Pacer([
    {
      nextUs: () => atFrame(frame),
      fire: (dueUs) => {
        publisher.motion(performer.frame(dueUs - beginUs), dueUs);
        frame += 1;
      },
    },
    {
      // A packet can leave when its last sample was spoken.
      nextUs: () => atPacket(packet + 1),
      fire: () => {
        const data = voice.packet(packet);
        if (data.length > MAX_SILENT_BYTES) publisher.voice(data, atPacket(packet));
        packet += 1;
      },
    },
  ]);
  const running = pacer.run();
  return async () => {
    pacer.stop();
    await running;
    await publisher.close();
    await dialler.close();
  };
}
