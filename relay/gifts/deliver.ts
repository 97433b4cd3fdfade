import type { Logger } from 'pino';
import type { RelayConfig } from '../config/schema.ts';
import type { GiftsApi } from '../http/gifts.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { GiftTraces } from '../telemetry/traces/gifts.ts';
import { type Clock, readSecrets, type SenderStats, WebhookSender, webhookUrl } from '../webhook/index.ts';

export interface GiftDeliveryDeps {
  ledger: Ledger;
  counters: Counters;
  log: Logger;
  traces?: GiftTraces | undefined;
  /** A gift was taken back by the API: the rooms are to hear of it. */
  amended?: () => void;
  /**
   * In a cluster: which relay of the region delivers. `onChange` tells whether this one does; the returned function lets go.
   * Undefined: this one.
   */
  lease?: ((onChange: (held: boolean) => void) => () => Promise<void>) | undefined;
  /** For tests: when the webhook looks by itself, and tries again. */
  clock?: Clock | undefined;
}

/** How gifts get from a relay to the app's backend: by webhook, by pull API, by both or by neither. */
export interface GiftDelivery {
  /** What the service API needs. */
  readonly api: GiftsApi;
  /** Undefined where `gifts.webhook.url` is not set. */
  stats(): SenderStats | undefined;
  /** There are new records: the webhook goes at once, not at its next look. */
  wake(): void;
  /** Before the ledger closes. Idempotent. */
  close(): Promise<void>;
}

/** @throws HayateError `invalid_argument` (URL, secret) */
export async function openGiftDelivery(config: RelayConfig, deps: GiftDeliveryDeps): Promise<GiftDelivery> {
  const { ledger, lease } = deps;
  const open = await senderOf(config, deps);
  let sender = lease ? undefined : open?.();
  /** Those that let go of the lease and finish what is under way. */
  const ending = new Set<Promise<void>>();
  const end = () => {
    const ended = sender?.close();
    sender = undefined;
    if (ended) void ending.add(ended.finally(() => ending.delete(ended)));
  };
  const letGo =
    open &&
    lease?.((held) => {
      if (held) sender ??= open();
      else end();
    });
  const wake = (options?: { rescan: boolean }) => sender?.wake(options);
  return {
    api: {
      ledger,
      amend: async (amendment, nowMs) => {
        const receipt = await ledger.amend(amendment, nowMs);
        deps.amended?.();
        wake();
        return receipt;
      },
      redelivered: () => wake({ rescan: true }),
    },
    stats: () => sender?.stats(),
    wake,
    async close() {
      end();
      await Promise.all(ending);
      await letGo?.();
    },
  };
}

async function senderOf(config: RelayConfig, deps: GiftDeliveryDeps): Promise<(() => WebhookSender) | undefined> {
  const { url, secretFile, timeoutMs, concurrency, maxAttempts, deadAfterHours } = config.gifts.webhook;
  if (url === undefined || secretFile === undefined) return undefined;
  const { ledger, counters, log, traces, clock } = deps;
  // Once before anything is taken: a relay that cannot sign does not start.
  await readSecrets(secretFile);
  return () =>
    new WebhookSender({
      ledger,
      counters,
      log,
      traces,
      url: webhookUrl(url),
      secrets: () => readSecrets(secretFile),
      timeoutMs,
      concurrency,
      ...(clock ? { clock } : {}),
      policy: { maxAttempts, deadAfterMs: deadAfterHours * 3_600_000 },
    });
}
