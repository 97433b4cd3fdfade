import { HayateError } from '@hayate/codec/errors';
import { engineAvailable, type LinkOptions, type LinkProfile, openEngine } from '@hayate/engine';
import { Command } from 'commander';
import { LINK_SYNTAX, parseLinkProfile } from '../link-profile.ts';
import { devRelay, stateDirOption } from '../target.ts';
import { onInterrupt } from '../until.ts';
import { hostPort, numberFrom, parsedBy } from '../usage.ts';

interface LinkCommandOptions {
  listen: { host: string; port: number };
  to?: { host: string; port: number };
  up?: LinkProfile;
  down?: LinkProfile;
  rebind?: number;
  seconds?: number;
  stateDir: string;
  json?: true;
}

export function linkCommand(): Command {
  return new Command('link')
    .description('A UDP proxy with an emulated link, for browsers and on kernels without netem.')
    .option('--listen <host:port>', 'where clients dial; port 0 takes a free one', hostPort, hostPort('127.0.0.1:0'))
    .option('--to <host:port>', 'the relay (default: the running `hayate relay --dev`)', hostPort)
    .option('--up <profile>', 'client to relay', parsedBy(parseLinkProfile))
    .option('--down <profile>', 'relay to client', parsedBy(parseLinkProfile))
    .option('--rebind <ms>', 'change the source port towards the relay so often', numberFrom(10, 3_600_000))
    .option('--seconds <n>', 'end after so long', numberFrom(0.1, 1e9))
    .addOption(stateDirOption())
    .option('--json', 'ready, counters each second and at the end as JSON lines')
    .addHelpText(
      'after',
      `\nProfile: ${LINK_SYNTAX}\n\nExample:\n  hayate link --listen 127.0.0.1:5000 --to 127.0.0.1:4433 --up 'delay=35,jitter=5,loss=2%' --down 'delay=35'`,
    )
    .action(run);
}

async function run(options: LinkCommandOptions): Promise<void> {
  const available = engineAvailable();
  if (!available.ok) throw new HayateError('unsupported', `the link proxy needs the engine: ${available.reason}`);
  const target = options.to ?? hostPort(new URL(devRelay(options.stateDir).url).host);
  const link: LinkOptions = {
    ...(options.up && { tx: options.up }),
    ...(options.down && { rx: options.down }),
    ...(options.rebind !== undefined && { rebindEveryMs: options.rebind }),
  };
  const engine = openEngine();
  const proxy = engine.proxy({ ...options.listen, target, link });
  const { host, port } = proxy.address;
  const interrupt = onInterrupt();
  const say = (event: string, fields: object, text: string) => {
    process.stdout.write(options.json ? `${JSON.stringify({ event, ...fields })}\n` : `${text}\n`);
  };
  say('ready', { host, port, target }, `link ${host}:${port} -> ${target.host}:${target.port}`);
  const report = (event: string) => {
    const stats = proxy.getStats();
    const words = Object.entries(stats).filter(([, value]) => value !== 0);
    say(event, stats, words.map(([name, value]) => `${name} ${value}`).join('  ') || 'nothing yet');
  };
  const ticker = setInterval(() => report('stats'), 1000);
  await interrupt.wait(options.seconds);
  clearInterval(ticker);
  report('summary');
  proxy.close();
  await engine.close();
  interrupt.dispose();
}
