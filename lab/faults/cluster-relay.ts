import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../relay/config/load.ts';
import { type GiftDelivery, openGiftDelivery } from '../../relay/gifts/deliver.ts';
import type { GiftDesk } from '../../relay/gifts/desk.ts';
import { type OpenGifts, openGifts } from '../../relay/gifts/open.ts';
import { Counters } from '../../relay/telemetry/counters.ts';
import { silent } from '../../relay/test/silent.ts';
import type { NatsRegion } from '../lib/nats.ts';

export interface ClusterRelayOptions {
  id: string;
  region: string;
  regions: readonly string[];
  copies: number;
  nats: NatsRegion;
  folder: string;
  /** Signs and checks tickets. */
  ticketKeyFile: string;
  webhook: { url: string; secretFile: string };
  /** Another relay of the region. */
  second(): ClusterRelay | undefined;
}

/** The gifts of one relay of a cluster: its desk, ledger, file and delivery, without sessions and media. */
export class ClusterRelay {
  readonly id: string;
  readonly region: string;
  readonly #options: ClusterRelayOptions;
  #gifts: OpenGifts | undefined;
  #delivery: GiftDelivery | undefined;
  #end: (() => Promise<void>) | undefined;

  constructor(options: ClusterRelayOptions) {
    this.#options = options;
    this.id = options.id;
    this.region = options.region;
  }

  /** Undefined while it is down. */
  get desk(): GiftDesk | undefined {
    return this.#gifts?.desk;
  }

  get gifts(): OpenGifts | undefined {
    return this.#gifts;
  }

  async start(): Promise<void> {
    const { id, region, regions, copies, nats: servers, folder, ticketKeyFile, webhook, second } = this.#options;
    const stateDir = join(folder, id);
    mkdirSync(stateDir, { recursive: true });
    const config = parseConfig({
      stateDir,
      gifts: { enabled: true, region, publicKeyFile: ticketKeyFile, webhook },
    });
    const counters = new Counters();
    let delivery: GiftDelivery | undefined;
    const store = async (gift: Parameters<NonNullable<OpenGifts['cluster']>['keep']>[0]) => {
      const keep = second()?.gifts?.cluster?.keep;
      if (!keep) throw new Error('no other relay is up');
      await keep(gift);
    };
    const gifts = await openGifts(config, {
      ...{ log: silent, counters, onRecord: () => delivery?.wake() },
      cluster: { nats: { servers: servers.urls }, relayId: id, region, regions, copies, second: { store } },
    });
    const lease = gifts.cluster && ((onChange: (held: boolean) => void) => gifts.cluster!.lease('delivery', onChange));
    delivery = await openGiftDelivery(config, { ledger: gifts.ledger, counters, log: silent, lease });
    this.#gifts = gifts;
    this.#delivery = delivery;
    this.#end = async () => {
      await delivery.close();
      await gifts.close();
    };
  }

  /** @param withDisk what only its own file had is gone */
  async stop({ withDisk = false } = {}): Promise<void> {
    const end = this.#end;
    this.#gifts = undefined;
    this.#delivery = undefined;
    this.#end = undefined;
    await end?.();
    if (withDisk) rmSync(join(this.#options.folder, this.id), { recursive: true, force: true });
  }

  /** What the webhook still has to take, as far as this relay delivers. */
  get waiting(): number {
    const stats = this.#delivery?.stats();
    return stats ? stats.waiting + stats.sending : 0;
  }
}
