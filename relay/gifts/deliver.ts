import type { Logger } from 'pino';
import type { RelayConfig } from '../config/schema.ts';
import { giftsApp } from '../http/gifts.ts';
import { type HttpServer, serveHttp } from '../http/serve.ts';
import { readServiceTokens } from '../http/service-token.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Counters } from '../telemetry/counters.ts';
import { readSecrets, type SenderStats, WebhookSender, webhookUrl } from '../webhook/index.ts';

export interface GiftDeliveryDeps {
  ledger: Ledger;
  counters: Counters;
  log: Logger;
  /** A gift was taken back by the API: the rooms are to hear of it. */
  amended?: () => void;
}

/** How gifts get from a relay to the app's backend: by webhook, by pull API, by both or by neither. */
export interface GiftDelivery {
  /** `http://HOST:PORT` of the pull API; undefined where `gifts.api.tokenFile` is not set. */
  readonly apiAt: { host: string; port: number } | undefined;
  /** Undefined where `gifts.webhook.url` is not set. */
  stats(): SenderStats | undefined;
  /** There are new records: the webhook goes at once, not at its next look. */
  wake(): void;
  /** Before the ledger closes. Idempotent. */
  close(): Promise<void>;
}

/** @throws HayateError `invalid_argument` (URL, secret, token), `bind_failed` */
export async function openGiftDelivery(config: RelayConfig, deps: GiftDeliveryDeps): Promise<GiftDelivery> {
  const { ledger } = deps;
  const { api } = config.gifts;
  const sender = await openSender(config, deps);
  const wake = (options?: { rescan: boolean }) => sender?.wake(options);
  let server: HttpServer | undefined;
  try {
    if (api.tokenFile !== undefined) {
      const app = giftsApp({
        ledger,
        isService: readServiceTokens(api.tokenFile),
        amend: async (amendment, nowMs) => {
          const receipt = await ledger.amend(amendment, nowMs);
          deps.amended?.();
          wake();
          return receipt;
        },
        redelivered: () => wake({ rescan: true }),
      });
      server = await serveHttp(app, api.host, api.port, 'gifts-api');
    }
  } catch (error) {
    await sender?.close({ graceMs: 0 });
    throw error;
  }
  return {
    apiAt: server && { host: server.host, port: server.port },
    stats: () => sender?.stats(),
    wake,
    async close() {
      await Promise.all([server?.close(), sender?.close()]);
    },
  };
}

async function openSender(config: RelayConfig, deps: GiftDeliveryDeps): Promise<WebhookSender | undefined> {
  const { url, secretFile, timeoutMs, concurrency, maxAttempts, deadAfterHours } = config.gifts.webhook;
  if (url === undefined || secretFile === undefined) return undefined;
  const { ledger, counters, log } = deps;
  // Once before anything is taken: a relay that cannot sign does not start.
  await readSecrets(secretFile);
  return new WebhookSender({
    ledger,
    counters,
    log,
    url: webhookUrl(url),
    secrets: () => readSecrets(secretFile),
    timeoutMs,
    concurrency,
    policy: { maxAttempts, deadAfterMs: deadAfterHours * 3_600_000 },
  });
}
