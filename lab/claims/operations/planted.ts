import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintTicket, mintToken, readSharedKey, readTicketSigner } from '@hayate/relay';
import { makeTrust, readCreds, userCreds } from '@hayate/relay/nats';

/** A secret as a person would copy it. */
export interface Planted {
  name: string;
  text: string;
}

export interface PlantedFiles {
  tokenKey: string;
  ticketKey: string;
  serviceToken: string;
  webhookSecret: string;
  natsCreds: string;
  linodeToken: string;
}

/** Real ones, each good for this relay, and the files that they come from. */
export async function plant(
  folder: string,
): Promise<{ secrets: Planted[]; files: PlantedFiles; token: string; serviceToken: string }> {
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const tokenKey = randomBytes(32).toString('base64url');
  const serviceToken = randomBytes(32).toString('base64url');
  const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`;
  const linodeToken = randomBytes(32).toString('hex');
  const creds = userCreds({ accountSeed: makeTrust().accountSeed, name: 'relay' });
  const user = readCreds(creds);
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const files = {
    tokenKey: write('token.key', tokenKey),
    ticketKey: write('ticket.key', pem),
    serviceToken: write('service.token', serviceToken),
    webhookSecret: write('webhook.secret', webhookSecret),
    natsCreds: write('relay.creds', creds),
    linodeToken: write('linode.token', linodeToken),
  };
  const key = readSharedKey(files.tokenKey);
  const token = await mintToken(key, { room: 'demo', sub: 'ann', roles: ['viewer'] });
  const ticket = await mintTicket(await readTicketSigner(files.ticketKey), {
    ...{ room: 'demo', sub: 'ann', liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg: 'local' },
  });
  const secrets = [
    { name: 'token', text: token },
    { name: 'token key', text: tokenKey },
    { name: 'ticket', text: ticket },
    { name: 'ticket key', text: pem.split('\n')[1]! },
    { name: 'service token', text: serviceToken },
    { name: 'webhook secret', text: webhookSecret },
    { name: 'NATS user', text: user.jwt },
    { name: 'NATS seed', text: user.seed },
    { name: 'token of Linode', text: linodeToken },
    { name: 'token of enrolment', text: randomBytes(24).toString('base64url') },
  ];
  return { secrets, files, token, serviceToken };
}
