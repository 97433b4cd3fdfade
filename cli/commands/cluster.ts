import { Command } from 'commander';
import { plain, printJson } from '../gifts-ledger.ts';
import { addServiceOptions, ServiceApi, type ServiceOptions } from '../service-api.ts';
import { numberFrom, UsageError } from '../usage.ts';

interface Relay {
  id: string;
  region: string;
  url: string;
  draining: boolean;
  self: boolean;
  load: { viewers: number; rooms: number; cpu: number; egressBps: number };
  loadFresh: boolean;
}
interface Room {
  room: string;
  home: string;
  origin: string;
  epoch: number;
  path: string[];
  children: string[];
  people: number;
  viewers: number;
  livers: { slot: number; sub: string; via: string | null }[];
}
interface Link {
  peer: string;
  region: string;
  upForMs: number;
  rttMs: number | null;
  loss: number | null;
  bytesIn: number;
  bytesOut: number;
}

export function clusterCommand(): Command {
  const command = new Command('cluster')
    .description(
      'Relays that are one service: look, move or close a room, make keys. By the service API of any of them.',
    )
    .addHelpText(
      'after',
      `
Examples:
  hayate cluster keys --dir keys --regions jp,us jp-1 us-1 --nats nats-jp=192.0.2.1 nats-us=192.0.2.2
  hayate cluster relays
  hayate cluster rooms
  hayate cluster links --json
  hayate cluster move demo --to chicago-1
  hayate cluster close demo`,
    );
  for (const create of [relaysCommand, roomsCommand, linksCommand, moveCommand, closeCommand]) {
    command.addCommand(addServiceOptions(create()));
  }
  return command.addCommand(keysCommand());
}

function relaysCommand(): Command {
  return new Command('relays').description('Relays that live, and how loaded they are.').action(async (options) => {
    const { relays } = await call<{ relays: Relay[] }>(options, 'relays');
    show(options, relays, ({ id, region, url, draining, self, load, loadFresh }) => [
      id,
      region,
      url,
      loadFresh
        ? `${load.viewers} viewers  ${load.rooms} rooms  cpu ${Math.round(load.cpu * 100)} %`
        : 'load not known',
      draining ? 'draining' : '',
      self ? 'answers' : '',
    ]);
  });
}

function roomsCommand(): Command {
  return new Command('rooms')
    .description('Rooms at the relay that answers: their origin, the way there, and who has them from here.')
    .action(async (options) => {
      const { rooms } = await call<{ rooms: Room[] }>(options, 'rooms');
      show(options, rooms, ({ room, home, origin, epoch, path, children, viewers, livers }) => [
        room,
        `home ${home}`,
        `origin ${origin} (epoch ${epoch})`,
        `way ${path.join(' > ')}`,
        `to ${children.join(', ') || 'nobody'}`,
        `${viewers} viewers here`,
        livers.map(({ sub, via }) => (via === null ? sub : `${sub} via ${via}`)).join(', '),
      ]);
    });
}

function linksCommand(): Command {
  return new Command('links')
    .description('Links of the relay that answers, with lag and loss.')
    .action(async (options) => {
      const { links } = await call<{ links: Link[] }>(options, 'links');
      show(options, links, ({ peer, region, upForMs, rttMs, loss, bytesIn, bytesOut }) => [
        peer,
        region,
        `up ${Math.round(upForMs / 1000)} s`,
        rttMs === null ? '' : `${(rttMs / 2).toFixed(1)} ms one way (half the round trip)`,
        loss === null ? '' : `${(loss * 100).toFixed(2)} % lost`,
        `${(bytesIn / 1e6).toFixed(1)} MB in`,
        `${(bytesOut / 1e6).toFixed(1)} MB out`,
      ]);
    });
}

function moveCommand(): Command {
  return new Command('move')
    .description('Make another relay the origin of a room; its region becomes the home.')
    .argument('<room>')
    .requiredOption('--to <relay>', 'id of the relay')
    .action(async (room: string, options: ServiceOptions & { to: string }) => {
      const place = await new ServiceApi(options).call<{ home: string; origin: string; epoch: number }>(
        ['cluster', 'rooms', room, 'move'],
        { method: 'POST', body: { origin: options.to } },
      );
      if (options.json) printJson(place);
      else process.stderr.write(`${plain(room)}: origin ${place.origin} in ${place.home}, epoch ${place.epoch}\n`);
    });
}

function closeCommand(): Command {
  return new Command('close')
    .description('Close a room at all relays: its sessions end with room_closed.')
    .argument('<room>')
    .option('--by <name>', 'who asks, for the audit log', 'cli')
    .action(async (room: string, options: ServiceOptions & { by: string }) => {
      await new ServiceApi(options).call(['cluster', 'rooms', room, 'close'], {
        method: 'POST',
        query: { by: options.by },
      });
      if (!options.json) process.stderr.write(`${plain(room)} is closed\n`);
    });
}

function keysCommand(): Command {
  return new Command('keys')
    .description(
      'Make what lets relays and NATS servers know each other: certificates and NATS users. Keeps what is there.',
    )
    .argument('[relays...]', 'ids, as in cluster.relayId; none: relays enrol')
    .requiredOption('--dir <path>', 'where the files go')
    .option('--nats <server...>', 'NATS servers: ID=ADDRESS, or several addresses with commas', [])
    .option('--regions <list>', "comma list: a relay's NATS user may do what its region needs; ids begin with REGION-")
    .option('--fleet <region>', 'also a NATS user of the fleet, which keeps its state in this region')
    .option('--days <n>', 'how long new certificates hold', numberFrom(1, 3660), 825)
    .option('--renew', 'new certificates and users also where there are good ones', false)
    .action(async (relays: string[], { dir, nats, regions, fleet, days, renew }: KeysFlags) => {
      // The other verbs need nothing of NATS.
      const { makeClusterKeys } = await import('../cluster-keys.ts');
      const names = regions?.split(',').filter((each) => each !== '');
      const made = makeClusterKeys({
        ...{ dir, relays, nats: nats.map(serverNamed), regions: names ?? [], fleet, days, renew },
      });
      for (const { file, made: isNew } of made) process.stdout.write(`${file}${isNew ? '' : '  kept'}\n`);
      if (!names) process.stderr.write('no --regions: NATS users of relays may do everything in their account\n');
    });
}

interface KeysFlags {
  dir: string;
  nats: string[];
  regions?: string;
  fleet?: string;
  days: number;
  renew: boolean;
}

function serverNamed(text: string): { id: string; addresses: string[] } {
  const [id, addresses] = text.split('=', 2);
  if (!id || !addresses) throw new UsageError(`--nats ${text}: not ID=ADDRESS`);
  return { id, addresses: addresses.split(',').filter((each) => each !== '') };
}

function call<T>(options: ServiceOptions, what: string): Promise<T> {
  return new ServiceApi(options).call<T>(['cluster', what]);
}

function show<T extends object>(options: ServiceOptions, items: readonly T[], line: (item: T) => string[]): void {
  for (const item of items) {
    if (options.json) printJson(item);
    else
      process.stdout.write(
        `${line(item)
          .filter((part) => part !== '')
          .map(plain)
          .join('  ')}\n`,
      );
  }
}
