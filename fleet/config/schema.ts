import { readFileSync } from 'node:fs';
import { HayateError } from '@hayate/codec/errors';
import { z } from 'zod';

const path = (what: string) => z.string().min(1).describe(what);
const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

const dnsSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('linode'),
    zone: z.string().min(1).describe('Zone in the DNS manager: `example.com`.'),
  }),
  z.strictObject({ kind: z.literal('command'), command: path('Called as `COMMAND add|remove NAME VALUE`.') }),
]);

const acmeSchema = z.strictObject({
  directoryUrl: z.url().default(LETS_ENCRYPT).describe('Of the authority.'),
  names: z.array(z.string()).min(1).describe('Names in the certificate: `*.live.example.com`.'),
  email: z.email().optional().describe('Told by the authority when something is wrong.'),
  dns: dnsSchema.describe('Where its proofs go.'),
  checkDns: z.boolean().default(true).describe('Wait until the records are seen. Off for names in no public zone.'),
  caFile: path("PEM of what the authority's own server shows, where that is no public one.").optional(),
});

/** Configuration of the control node, one JSON file. Secrets are in files that it names. */
export const controlSchema = z.strictObject({
  stateDir: path('Tokens, machines, the ordered certificate.').default('/var/lib/hayate-control'),
  listen: z
    .strictObject({
      host: z.string().default('::'),
      port: z.int().min(0).max(65_535).default(8443),
    })
    .prefault({}),
  authority: z
    .strictObject({
      certFile: path('`ca.pem` of `hayate cluster keys`.').default('/etc/hayate/ca.pem'),
      keyFile: path('`ca.key` of the same.').default('/etc/hayate/ca.key'),
    })
    .prefault({}),
  certificateDays: z
    .int()
    .min(1)
    .max(825)
    .default(30)
    .describe('Of machines; renewed within the hour by `hayate enrol`.'),
  relays: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .default({})
    .describe(
      'relay.json by region code. `{id}`, `{region}`, `{address}` and `{host}` (brackets around IPv6) in its texts are the machine’s.',
    ),
  secretsDir: path('Every file in it goes to each relay: token.key, service.token.').default('/etc/hayate/secrets'),
  nats: z
    .strictObject({
      usersFile: path('`nats-users.nk` of `hayate cluster keys`: signs users.').default('/etc/hayate/nats-users.nk'),
      leafFile: path('`nats-leaf.conf` of the same: says of which account.').default('/etc/hayate/nats-leaf.conf'),
      caFile: path('`nats-ca.pem` of the same.').default('/etc/hayate/nats-ca.pem'),
    })
    .optional()
    .describe('Each relay gets a NATS user of its own.'),
  acme: acmeSchema.optional().describe('The certificate that clients see; without: relays make their own.'),
  linode: z
    .strictObject({
      tokenFile: path('A token of the Linode API.').default('/etc/hayate/linode.token'),
      apiUrl: z.url().optional(),
      labelPrefix: z.string().default('').describe('Before the id in a label: `hayate-`.'),
    })
    .optional()
    .describe('Machines come from the address of the Linode with their label, or are refused; and `acme.dns` linode.'),
});

export type ControlConfig = z.output<typeof controlSchema>;

/** @throws HayateError `invalid_argument` naming the key, for what cannot be read, is unknown or wrong */
export function readControlConfig(file: string): ControlConfig {
  let input: unknown;
  try {
    input = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new HayateError('invalid_argument', `${file}: ${(cause as Error).message}`, { cause });
  }
  const { success, data, error } = controlSchema.safeParse(input);
  if (!success) {
    throw new HayateError('invalid_argument', `${file}: ${z.prettifyError(error)}`, { cause: error });
  }
  if (data.acme?.dns.kind === 'linode' && !data.linode) {
    throw new HayateError('invalid_argument', `${file}: acme.dns of kind linode needs the section "linode"`);
  }
  return data;
}
