import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  mintTicket,
  mintToken,
  readSharedKey,
  readTicketSigner,
  type TicketOptions,
  type TicketSigner,
} from '@hayate/relay';
import type { GiftTicket } from '@hayate/relay/ledger';
import type { GiftEvent } from '@hayate/relay/webhook';

/** What an app's backend signs, with the self-made keys of a development relay. */
export interface Office {
  token(room: string, sub: string): Promise<string>;
  ticket(gift: GiftTicket, more?: Partial<TicketOptions>): Promise<string>;
}

/** The keys are there once the relay has started; that of tickets unless it was given others. */
export async function openOffice(stateDir: string, { ttlSeconds = 3600 } = {}): Promise<Office> {
  const shared = readSharedKey(join(stateDir, 'token.key'));
  let signer: Promise<TicketSigner> | undefined;
  return {
    token: (room, sub) => mintToken(shared, { room, sub, roles: ['viewer'], ttlSeconds }),
    ticket: async ({ sender, ...gift }, more) => {
      signer ??= readTicketSigner(join(stateDir, 'ticket.key'));
      return mintTicket(await signer, { ...gift, sub: sender, ttlSeconds, ...more });
    },
  };
}

export interface Delivered {
  /** The header `webhook-id`. */
  id: string;
  data: GiftEvent['data'];
}

/** `down`: nobody listens. `hangs`: requests get no answer. `fails`: 500. `garbage`: bytes that are no HTTP. */
export type WebhookMode = 'well' | 'down' | 'hangs' | 'fails' | 'garbage';

export interface WebhookReceiver {
  /** Flags of the relay that shall deliver here, and the same as settings (`gifts.webhook`). */
  flags: string[];
  settings: { url: string; secretFile: string };
  /** Every request with a right signature, in the order they came. */
  readonly delivered: Delivered[];
  /** Requests refused for their signature. */
  readonly forged: () => number;
  /** Resolves once it is so. Requests that are not answered as they should be are not in `delivered`. */
  become(mode: WebhookMode): Promise<void>;
  /** Requests that came while it was not well; connections that were refused are not known. */
  readonly refused: () => number;
  close(): Promise<void>;
}

/** Takes what a relay delivers, on loopback; checks the signature by the documentation, not by the sender's code. */
export async function openWebhookReceiver(folder: string): Promise<WebhookReceiver> {
  const key = randomBytes(32);
  const secretFile = join(folder, 'webhook.secret');
  writeFileSync(secretFile, `whsec_${key.toString('base64')}\n`, { mode: 0o600 });
  const delivered: Delivered[] = [];
  let forged = 0;
  let refused = 0;
  let mode: WebhookMode = 'well';
  const server = createServer((request, response) => {
    if (mode !== 'well') {
      refused += 1;
      if (mode === 'fails') response.writeHead(500).end();
      if (mode === 'garbage') request.socket.end(randomBytes(200));
      return;
    }
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const { 'webhook-id': id = '', 'webhook-timestamp': at, 'webhook-signature': given = '' } = request.headers;
      const right = `v1,${createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')}`;
      const [a, b] = [Buffer.from(String(given)), Buffer.from(right)];
      if (a.length !== b.length || !timingSafeEqual(a, b)) {
        forged += 1;
        response.writeHead(401).end();
        return;
      }
      delivered.push({ id: String(id), data: (JSON.parse(body) as GiftEvent).data });
      response.writeHead(204).end();
    });
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const end = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/gifts`;
  return {
    flags: ['--gifts-webhook-url', url, '--gifts-webhook-secret-file', secretFile],
    settings: { url, secretFile },
    delivered,
    forged: () => forged,
    refused: () => refused,
    async become(next) {
      if (next === 'down') await end();
      else if (mode === 'down') await listen(port);
      // What hangs would never be answered.
      else server.closeAllConnections();
      mode = next;
    },
    close: end,
  };
}
