import {
  emptyTransfer,
  forecastTransfer,
  observeTransfer,
  type TransferForecast,
  type TransferMemory,
} from '../budget/transfer.ts';
import type { Prices, Provider } from '../provider/types.ts';
import type { Alarm } from '../scale/types.ts';
import { Kept } from '../store/kept.ts';
import type { ScalerOptions } from './scaler.ts';

const TRANSFER_MS = 600_000;
const PRICES_MS = 86_400_000;

interface TransferWatchOptions extends Pick<ScalerOptions, 'rules' | 'store' | 'nowMs' | 'log'> {
  /** Of the provider. */
  name: string;
  billing: NonNullable<Provider['billing']>;
}

/** What a provider's transfer will have been at the month's end, each ten minutes. */
export class TransferWatch {
  readonly name: string;
  readonly #options: TransferWatchOptions;
  readonly #kept: Kept<TransferMemory>;
  #memory = emptyTransfer();
  #forecast: TransferForecast | undefined;
  #prices: { prices: Prices; atMs: number } | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(options: TransferWatchOptions) {
    this.#options = options;
    this.name = options.name;
    this.#kept = new Kept(options.store, `transfer ${options.name}`);
  }

  get forecast(): TransferForecast | undefined {
    return this.#forecast;
  }

  async load(): Promise<void> {
    this.#memory = (await this.#kept.load()) ?? this.#memory;
  }

  /** Never rejects. @param machines that the provider has of this fleet */
  async look(machines: number): Promise<void> {
    const { billing, nowMs, log, name } = this.#options;
    const now = nowMs();
    if (now - this.#lookedMs < TRANSFER_MS) return;
    this.#lookedMs = now;
    try {
      if (!this.#prices || now - this.#prices.atMs > PRICES_MS) {
        this.#prices = { prices: await billing.prices(), atMs: now };
      }
      const seen = await billing.transfer();
      this.#memory = observeTransfer(this.#memory, seen, machines, now);
      this.#forecast = forecastTransfer(this.#memory, seen, this.#dearest(this.#prices.prices), now);
      await this.#kept.remember(this.#memory);
    } catch (error) {
      log.warn({ err: error, provider: name }, 'the provider tells nothing of transfer');
    }
  }

  /** Before it costs anything: the forecast is over the pool. */
  alarms(): Alarm[] {
    if (!this.#forecast) return [];
    const { overageGb, overageDollars, crossesMs } = this.#forecast;
    if (overageGb === 0 || crossesMs === undefined) return [];
    const when = new Date(crossesMs).toISOString().slice(0, 16);
    const text = `${Math.round(overageGb)} GB over the pool at the month's end, ${overageDollars.toFixed(2)} dollars; from ${when}`;
    return [{ code: 'transfer_over', of: this.name, text }];
  }

  /** Where it costs most, of the zones that are in use. */
  #dearest({ overageGb, overageGbByZone, ...rest }: Prices) {
    const { regions } = this.#options.rules.scale;
    const zones = Object.values(regions).flatMap((region) => region.zones[this.name] ?? []);
    return { ...rest, overageGb: Math.max(...zones.map((zone) => overageGbByZone[zone] ?? overageGb)) };
  }
}
