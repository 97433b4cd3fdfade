import { z } from 'zod';
import { int, port, setting, text } from './setting.ts';

const name = () =>
  z
    .string()
    .regex(/^[a-z0-9-]{1,63}$/, 'not 1 to 63 of a-z, 0-9 and -')
    .optional();

/** Relays that are one service. Without `relayId` a relay is alone. */
export const clusterSchema = z
  .strictObject({
    relayId: setting(
      name(),
      "This relay's name in the cluster; the first DNS name in its certificate is `RELAYID.relay.hayate`. With it the relay is one of many: docs/cluster.md.",
      { otherwise: 'none: the relay is alone' },
    ),
    region: setting(name(), 'Its region. Rooms have a home region, and one copy of a room goes into each other one.'),
    regions: setting(z.array(z.string().min(1)).default([]), 'All regions of the cluster, this one included.', {
      unit: 'comma list',
      otherwise: 'this one',
    }),
    natsUrls: setting(
      z.array(z.string().min(1)).default([]),
      "NATS servers of this region, the directory's domain: all `tls://HOST:PORT`, or all `nats://HOST:PORT` (in clear).",
      { unit: 'comma list of URLs' },
    ),
    natsCaFile: setting(text(), 'PEM certificate of the authority that vouches for them. Read at each connection.', {
      unit: 'path',
      otherwise: '`cluster.caFile` with `tls://`',
    }),
    natsCredsFile: setting(
      text(),
      "This relay's NATS user, as `hayate cluster keys` makes it. Read at each connection: another one is taken when the present one expires.",
      { unit: 'path', otherwise: 'none: the servers take everybody' },
    ),
    natsReplicas: setting(
      z
        .int()
        .min(1)
        .max(3)
        .refine((copies) => copies !== 2, 'neither 1 nor 3')
        .default(3),
      'Copies that NATS keeps of each gift and of each entry of the directory in this region: 1 or 3.',
    ),
    listen: z
      .strictObject({
        host: setting(text(), 'Address of the trunk (UDP); for relays only.', { otherwise: '`::`' }),
        port: setting(port(4434), 'Its port. 0 takes a free one.'),
      })
      .prefault({}),
    advertise: setting(text(), 'Host that other relays dial.', { otherwise: '`cluster.listen.host`' }),
    caFile: setting(text(), "PEM certificate of the cluster's own authority: whom it vouches for is a relay.", {
      unit: 'path',
    }),
    certFile: setting(text(), 'PEM certificate of this relay.', { unit: 'path' }),
    keyFile: setting(text(), 'Its PEM key.', { unit: 'path' }),
    rateCeilingKbps: setting(
      int(100, 10_000_000, 20_000),
      'What one link may carry; below it loss of up to 5 % does not slow it down.',
      { unit: 'kbit/s' },
    ),
    flushMs: setting(
      int(0, 20, 2),
      'Time from one datagram of a link to the next: media of all rooms that comes meanwhile shares one.',
      { unit: 'ms' },
    ),
    repairMs: setting(
      int(0, 200, 10),
      'Motion since the last key is repeated in the next datagram after so long, voice once; 0: never.',
      { unit: 'ms' },
    ),
    emulate: z
      .strictObject({
        region: setting(name(), 'With `dev`: links that this relay dials to that region are emulated, as follows.'),
        outMs: setting(int(0, 1000, 0), 'What this relay sends takes so long, one way.', { unit: 'ms' }),
        backMs: setting(int(0, 1000, 0), 'So long takes what it gets.', { unit: 'ms' }),
        jitterMs: setting(z.number().min(0).max(1000).default(0), 'More or less by up to so much.', { unit: 'ms' }),
        burstBadMs: setting(int(0, 60_000, 0), 'All is lost for so long on average; 0: never.', { unit: 'ms' }),
        burstGoodMs: setting(int(1, 3_600_000, 10_000), 'Nothing is lost for so long in between.', { unit: 'ms' }),
        outageEveryMs: setting(
          int(0, 86_400_000, 0),
          "Counted by the machine's clock: all links that say the same go dark together; 0: never.",
          { unit: 'ms' },
        ),
        outageForMs: setting(int(0, 86_400_000, 0), 'All is lost in the first so many of them.', { unit: 'ms' }),
        seed: setting(int(0, 4_294_967_294, 1), 'Of the losses and of the jitter.'),
      })
      .prefault({}),
  })
  .prefault({});

type Cluster = z.infer<typeof clusterSchema>;

const isTls = (url: string) => url.startsWith('tls://');

/** What is wrong with how NATS is reached. */
export function natsFault({ natsUrls, natsCaFile }: Cluster): string | undefined {
  const tls = natsUrls.filter(isTls).length;
  if (tls > 0 && tls < natsUrls.length) return 'cluster.natsUrls: tls:// and others';
  if (tls === 0 && natsCaFile !== undefined) return 'cluster.natsCaFile without tls:// in cluster.natsUrls';
  return undefined;
}

/** How NATS is reached. Without `caFile`: in clear. */
export function natsAccess({ natsUrls, natsCaFile, natsCredsFile, caFile }: Cluster): {
  servers: readonly string[];
  caFile: string | undefined;
  credsFile: string | undefined;
} {
  const tls = natsUrls.some(isTls);
  return { servers: natsUrls, caFile: tls ? (natsCaFile ?? caFile) : undefined, credsFile: natsCredsFile };
}

/** All regions, also where only the own one was named. */
export function regionsOf({ region, regions }: Cluster): readonly string[] {
  return regions.length > 0 ? regions : region === undefined ? [] : [region];
}
