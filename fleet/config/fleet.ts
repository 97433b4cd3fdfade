import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { HayateError } from '@hayate/codec/errors';
import { z } from 'zod';
import { path, providerSchema } from './providers.ts';

const ms = (otherwise: number, what: string) => z.int().min(1).default(otherwise).describe(`${what}, ms.`);

const regionSchema = z
  .strictObject({
    zones: z
      .record(z.string(), z.array(z.string().min(1)).min(1))
      .refine((zones) => Object.keys(zones).length > 0, 'wants a provider')
      .describe('By provider what it calls its regions: `{"linode": ["jp-tyo-3", "jp-osa"]}`.'),
    min: z.int().min(0).describe('Relays that serve, at least.'),
    max: z.int().min(1).describe('And at most.'),
  })
  .refine(({ min, max }) => min <= max, 'min is over max');

/** Configuration of `hayate fleet run`, one JSON file. Secrets are in files that it names. */
const fleetSchema = z.strictObject({
  owner: z.string().min(1).default(hostname).describe('Of this instance; each has its own.'),
  dryRun: z
    .boolean()
    .default(true)
    .describe('Decides and logs, creates and removes nothing. Rooms are placed all the same.'),
  listen: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535).default(8490) })
    .prefault({}),
  serviceTokenFile: path("Of the app's backend: one token a line, two while they are exchanged."),
  tokenKeyFile: path(
    "The relays' shared key: `POST /v1/rooms` answers with tokens, clients ask with theirs. Without: the backend signs and asks.",
  ).optional(),
  regions: z
    .record(z.string().regex(/^[a-z0-9]+$/), regionSchema)
    .refine((regions) => Object.keys(regions).length > 0, 'wants a region')
    .describe('By region code.'),
  nats: z.strictObject({
    urls: z.array(z.string().min(1)).min(1).describe('Servers of one region.'),
    region: z.string().min(1).describe('Which one that is: state and lease are kept there.'),
    replicas: z.union([z.literal(1), z.literal(3)]).default(1),
    caFile: path('`nats-ca.pem` of `hayate cluster keys`.').optional(),
    credsFile: path('`fleet.creds` of the same.').optional(),
  }),
  providers: z
    .record(z.string().regex(/^[a-z0-9-]+$/), providerSchema)
    .refine((providers) => Object.keys(providers).length > 0, 'wants a provider')
    .describe('By name.'),
  enrolment: z
    .strictObject({
      stateDir: path('Of the control node on this machine, as in its file.').default('/var/lib/hayate-control'),
    })
    .optional()
    .describe('Each machine gets a token of its own: `{enrolmentToken}` in `userDataFile`.'),
  metricsPort: z.int().min(1).max(65_535).default(9464).describe('Of the relays: `GET /v1/targets` names it.'),
  labelPrefix: z.string().default('hayate-').describe("Before the relay's id in its machine's label."),
  tag: z.string().min(3).default('hayate-fleet').describe('Machines without it are never touched.'),
  limits: z
    .strictObject({
      cpu: z.number().positive().max(1).default(0.6).describe('Share of one core at which a relay is full.'),
      egressBps: z.number().positive().default(75_000_000).describe('Bytes a second at which it is full.'),
      stretch: z.number().min(1).default(1.5).describe('Multiple of both, where there is no other place.'),
    })
    .prefault({}),
  viewer: z
    .strictObject({
      cpu: z
        .number()
        .positive()
        .default(486.4e-6)
        .describe('Share of one core that a viewer costs (docs/capacity.md).'),
      egressBps: z.number().positive().default(5107),
    })
    .prefault({}),
  room: z
    .strictObject({
      viewers: z.number().positive().default(20).describe('Expected in a room of which nothing is said.'),
      growMs: ms(600_000, 'In this time they come'),
    })
    .prefault({}),
  scale: z
    .strictObject({
      tickMs: ms(10_000, 'Between two looks'),
      leadMs: ms(150_000, 'From a create to the first room, with a look before'),
      keepMs: ms(600_000, 'What is needed within it is not drained'),
      sigmas: z.number().min(0).default(1).describe('Standard errors of the forecast that are provided for.'),
      fill: z.number().positive().max(1).default(0.96).describe('Share of a relay that is planned with.'),
      trendMs: ms(30_000, 'Between samples of the trend, which takes the last twenty'),
      fallMs: ms(60_000, 'A load that falls is believed after it'),
      createRetryMs: ms(15_000, 'After a create that failed, doubled each time'),
      createMaxRetryMs: ms(300_000, 'At most'),
      bootLimitMs: ms(360_000, 'A relay that is not there by then never comes'),
      settleMs: ms(15_000, 'After a start and after NATS was away: by then every relay that lives was heard'),
      lostMs: ms(20_000, 'Silence after which a relay is replaced'),
      darkMs: ms(10_000, 'Silence of a provider and of all its relays after which it is replaced'),
      drainMs: ms(600_000, 'A drain that takes longer raises an alarm'),
      drainShare: z.number().positive().max(1).default(0.25).describe('Of a region, that drains at once.'),
    })
    .prefault({}),
});

export type FleetConfig = z.output<typeof fleetSchema>;

/** @throws HayateError `invalid_argument` naming the key, for what cannot be read, is unknown or wrong */
export function readFleetConfig(file: string): FleetConfig {
  let input: unknown;
  try {
    input = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new HayateError('invalid_argument', `${file}: ${(cause as Error).message}`, { cause });
  }
  const { success, data, error } = fleetSchema.safeParse(input);
  if (!success) throw new HayateError('invalid_argument', `${file}: ${z.prettifyError(error)}`, { cause: error });
  const fault = faultOf(data);
  if (fault !== undefined) throw new HayateError('invalid_argument', `${file}: ${fault}`);
  return data;
}

/** What is wrong between one key and another. */
function faultOf({ regions, providers, nats }: FleetConfig): string | undefined {
  if (!regions[nats.region]) return `nats.region ${nats.region} is no key of regions`;
  for (const [code, { zones }] of Object.entries(regions)) {
    const names = Object.keys(zones);
    const unknown = names.find((name) => !providers[name]);
    if (unknown !== undefined) return `regions.${code}.zones.${unknown} is no key of providers`;
    if (names.every((name) => providers[name]!.share === 0)) return `regions.${code}: no provider has a share of it`;
  }
  return undefined;
}
