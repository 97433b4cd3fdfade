import { z } from 'zod';

export const path = (what: string) => z.string().min(1).describe(what);

const share = z
  .number()
  .min(0)
  .max(100)
  .default(100)
  .describe('Of the relays of each region where it has zones, percent, until a shift says otherwise.');
const command = (what: string) => z.array(z.string().min(1)).min(1).describe(`${what}: a program and its arguments.`);

const linodeSchema = z.strictObject({
  kind: z.literal('linode'),
  share,
  tokenFile: path('A token of the Linode API: read and write for Linodes, read for Account.'),
  apiUrl: z.url().optional(),
  type: z.string().default('g6-standard-2'),
  image: z.string().default('linode/debian12'),
  firewallId: z.int().optional(),
  userDataFile: path(
    'What a machine does at its first boot; `{id}`, `{region}` and `{enrolmentToken}` in it are its own.',
  ).optional(),
});

/** In commands `{machine}`, `{address}`, `{id}` and `{region}` are the machine's. */
const staticSchema = z.strictObject({
  kind: z.literal('static'),
  share,
  machines: z
    .array(z.strictObject({ name: z.string().min(1), zone: z.string().min(1), address: z.string().min(1).default('') }))
    .min(1)
    .refine((machines) => new Set(machines.map(({ name }) => name)).size === machines.length, 'two of one name'),
  take: command('Starts the relay `{id}` on a machine; run again it changes nothing'),
  release: command('Ends it; its disk is not needed any more'),
  probe: command('Tells by exit code 0 whether these machines can be reached').optional(),
});

const localSchema = z.strictObject({
  kind: z.literal('local'),
  share,
  dir: path('Where relays have their files, each a folder of its own.'),
  ports: z
    .strictObject({ from: z.int().min(1).max(65_535), to: z.int().min(1).max(65_535) })
    .refine(({ from, to }) => to - from >= 4, 'a relay takes five ports')
    .describe('Five a relay.'),
  command: command('Runs a relay; `--config FILE` comes after it').default(['hayate', 'relay']),
  relay: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("Settings of all of them, as in a relay's file; `{id}` and `{region}` are its own."),
  authority: z
    .strictObject({ certFile: path('`ca.pem` of `hayate cluster keys`.'), keyFile: path('`ca.key`.') })
    .optional()
    .describe('Gives each relay its certificate.'),
});

export const providerSchema = z.discriminatedUnion('kind', [linodeSchema, staticSchema, localSchema]);

export type ProviderConfig = z.output<typeof providerSchema>;
