import type { KnownRelay } from '@hayate/relay/directory';
import type { Logger } from 'pino';
import {
  emptyTransfer,
  forecastTransfer,
  observeTransfer,
  type TransferForecast,
  type TransferMemory,
} from '../budget/transfer.ts';
import { fullnessOf, type PlaceRules } from '../place/place.ts';
import { type Machine, type Prices, type Provider, ProviderError } from '../provider/types.ts';
import { type Deletable, decide, isDeletable, resumed } from '../scale/decide.ts';
import { Forecast, type ForecastMemory } from '../scale/forecast.ts';
import { type NeedRules, needOf } from '../scale/need.ts';
import { settle } from '../scale/outcome.ts';
import {
  type Action,
  type Alarm,
  emptyState,
  type FleetState,
  type Observation,
  type Outcome,
  type RelayReport,
  type ScaleRules,
} from '../scale/types.ts';
import { Kept } from '../store/kept.ts';
import type { Store } from '../store/store.ts';

/** The directory, as far as the fleet needs it. */
interface RelaysView {
  relays(): readonly KnownRelay[];
  /** It has been there long enough to know who lives. */
  settled(): boolean;
}

export interface ScalerOptions {
  rules: { scale: ScaleRules; need: NeedRules; place: PlaceRules };
  store: Store;
  provider: Provider;
  view: RelaysView;
  /** Tells a relay to drain; told again until the directory shows it. */
  drain(id: string): Promise<void>;
  nowMs(): number;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Decides and says so, does nothing. */
  dryRun?: boolean;
  /** Whether a drained relay's machine may go; only experiments have another one. */
  deletable?: Deletable;
}

export interface ScalerStatus {
  state: FleetState;
  need: Readonly<Record<string, { load: number; least: number; most: number }>>;
  alarms: readonly Alarm[];
  transfer: TransferForecast | undefined;
  /** What a dry run would have done last. */
  planned: readonly Action[];
}

/** A load that falls is believed after so long: rooms of a relay that died come back within it. */
const FALL_MS = 60_000;
const TRANSFER_MS = 600_000;
const PRICES_MS = 86_400_000;

/** What the leader does: looks, decides, keeps what it decided, and does it. `tick` each few seconds; never two at once. */
export class Scaler {
  readonly #options: ScalerOptions;
  readonly #state: Kept<FleetState>;
  readonly #forecasts: Kept<Record<string, ForecastMemory>>;
  readonly #budget: Kept<TransferMemory>;
  readonly #byRegion = new Map<string, Forecast>();
  readonly #recent = new Map<string, [atMs: number, load: number][]>();
  /** Ids of calls that are not answered yet. */
  readonly #under = new Set<string>();
  #now: FleetState = emptyState();
  #transfer: { memory: TransferMemory; forecast: TransferForecast | undefined } = {
    memory: emptyTransfer(),
    forecast: undefined,
  };
  #prices: { prices: Prices; atMs: number } | undefined;
  #transferMs = Number.NEGATIVE_INFINITY;
  #savedStep = -1;
  #need: ScalerStatus['need'] = {};
  #alarms: readonly Alarm[] = [];
  #planned: readonly Action[] = [];
  #ticking = false;
  #stopped = false;

  constructor(options: ScalerOptions) {
    this.#options = options;
    this.#state = new Kept(options.store, 'fleet');
    this.#forecasts = new Kept(options.store, 'forecast');
    this.#budget = new Kept(options.store, 'transfer');
  }

  status(): ScalerStatus {
    const { forecast: transfer } = this.#transfer;
    return { state: this.#now, need: this.#need, alarms: this.#alarms, transfer, planned: this.#planned };
  }

  /** Ids that drain or are about to: no room goes there, whatever the directory says yet. */
  leaving(): Set<string> {
    const all = Object.values(this.#now.machines);
    return new Set(all.filter(({ phase }) => phase === 'draining' || phase === 'removing').map(({ id }) => id));
  }

  /** Another one leads, or the process ends: nothing is begun any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Never rejects. */
  async tick(): Promise<void> {
    if (this.#ticking || this.#stopped) return;
    this.#ticking = true;
    try {
      await this.#tick();
    } catch (error) {
      this.#options.log.error({ err: error }, 'the fleet could not look');
    } finally {
      this.#ticking = false;
    }
  }

  async #tick(): Promise<void> {
    const options = this.#options;
    if (!this.#state.loaded) await this.#load();
    this.#observe();
    const atMs = options.nowMs();
    const list = await options.provider.machines(options.rules.scale.tag).catch((error: unknown) => {
      options.log.warn({ err: error }, 'the provider gives no list');
      return undefined;
    });
    if (this.#stopped) return;
    const decision = decide(
      this.#now,
      this.#seen(list && { atMs, list }),
      options.nowMs(),
      options.rules.scale,
      options.deletable ?? isDeletable,
    );
    this.#tellAlarms(decision.alarms);
    this.#planned = decision.actions;
    if (options.dryRun) {
      for (const action of decision.actions) options.log.info({ action }, 'dry run');
      return;
    }
    if (!(await this.#keep(decision.state)) || this.#stopped) return;
    for (const action of decision.actions) this.#begin(action);
    await this.#lookAtTransfer(list ?? []);
  }

  async #load(): Promise<void> {
    const nowMs = this.#options.nowMs();
    const [forecasts, transfer] = await Promise.all([this.#forecasts.load(), this.#budget.load()]);
    for (const [region, memory] of Object.entries(forecasts ?? {})) this.#byRegion.set(region, new Forecast(memory));
    if (transfer) this.#transfer.memory = transfer;
    this.#now = resumed((await this.#state.load()) ?? emptyState(), nowMs);
  }

  async #keep(next: FleetState): Promise<boolean> {
    const changed = written(next) !== written(this.#now);
    this.#now = next;
    if (!changed) return true;
    const kept = await this.#state.save(next);
    if (!kept) this.#options.log.warn('the state of the fleet was not kept: nothing is done by it');
    return kept;
  }

  #observe(): void {
    const { rules, view, nowMs } = this.#options;
    if (!view.settled()) return;
    const now = nowMs();
    const loads = new Map(Object.keys(rules.scale.regions).map((region) => [region, 0]));
    for (const { region, load } of view.relays()) {
      if (loads.has(region)) loads.set(region, loads.get(region)! + fullnessOf(load, rules.place));
    }
    const need: Record<string, { load: number; least: number; most: number }> = {};
    for (const [region, raw] of loads) {
      const recent = [...(this.#recent.get(region) ?? []), [now, raw] as [number, number]];
      const kept = recent.filter(([atMs]) => now - atMs <= FALL_MS);
      this.#recent.set(region, kept);
      const load = Math.max(...kept.map(([, each]) => each));
      const forecast = this.#byRegion.get(region) ?? new Forecast();
      this.#byRegion.set(region, forecast);
      forecast.observe(now, load);
      need[region] = { load, ...needOf(forecast, now, rules.need) };
    }
    this.#need = need;
    this.#rememberForecasts(now);
  }

  /** Each five minutes: a restart goes on with what is at most as old. */
  #rememberForecasts(nowMs: number): void {
    const step = Math.floor(nowMs / 300_000);
    if (step === this.#savedStep || this.#options.dryRun) return;
    this.#savedStep = step;
    void this.#saveOr(
      this.#forecasts,
      Object.fromEntries([...this.#byRegion].map(([region, f]) => [region, f.memory()])),
    );
  }

  /** What is only remembered is written over what another leader wrote. */
  async #saveOr<T>(kept: Kept<T>, value: T): Promise<void> {
    if (await kept.save(value)) return;
    await kept.load().catch(() => kept.forget());
  }

  #seen(machines: Observation['machines']): Observation {
    const { view } = this.#options;
    return { machines, relays: view.relays().map(reportOf), directory: view.settled(), need: this.#need };
  }

  #begin(action: Action): void {
    const { log, drain, provider, nowMs } = this.#options;
    const key = `${action.do} ${action.id}`;
    if (this.#under.has(key)) return;
    this.#under.add(key);
    const run = async (): Promise<void> => {
      if (action.do === 'drain') return drain(action.id);
      log.info({ action }, `machine ${action.label}: ${action.do}`);
      const outcome: Outcome =
        action.do === 'create' ? await create(provider, action, log) : await remove(provider, action, log);
      if (this.#stopped) return;
      await this.#keep(settle(this.#now, outcome, nowMs(), this.#options.rules.scale));
    };
    void run()
      .catch((error: unknown) => log.warn({ err: error, action }, 'not done'))
      .finally(() => this.#under.delete(key));
  }

  async #lookAtTransfer(machines: readonly Machine[]): Promise<void> {
    const { provider, nowMs, log } = this.#options;
    const now = nowMs();
    if (now - this.#transferMs < TRANSFER_MS) return;
    this.#transferMs = now;
    try {
      if (!this.#prices || now - this.#prices.atMs > PRICES_MS) {
        this.#prices = { prices: await provider.prices(), atMs: now };
      }
      const seen = await provider.transfer();
      const memory = observeTransfer(this.#transfer.memory, seen, machines.length, now);
      this.#transfer = { memory, forecast: forecastTransfer(memory, seen, this.#dearest(this.#prices.prices), now) };
      await this.#saveOr(this.#budget, memory);
    } catch (error) {
      log.warn({ err: error }, 'the provider tells nothing of transfer');
    }
  }

  /** Where it costs most, of the zones that are in use. */
  #dearest({ overageGb, overageGbByZone, ...rest }: Prices) {
    const zones = Object.values(this.#options.rules.scale.regions).flatMap((region) => region.zones);
    return { ...rest, overageGb: Math.max(...zones.map((zone) => overageGbByZone[zone] ?? overageGb)) };
  }

  #tellAlarms(alarms: readonly Alarm[]): void {
    const { forecast } = this.#transfer;
    const all = [...alarms, ...(forecast ? transferAlarm(forecast) : [])];
    const told = new Set(this.#alarms.map(({ code, of }) => `${code} ${of}`));
    for (const alarm of all) {
      if (!told.has(`${alarm.code} ${alarm.of}`))
        this.#options.log.error({ alarm: alarm.code, of: alarm.of }, alarm.text);
    }
    this.#alarms = all;
  }
}

/** Before it costs anything: the forecast is over the pool. */
function transferAlarm({ overageGb, overageDollars, crossesMs }: TransferForecast): Alarm[] {
  if (overageGb === 0 || crossesMs === undefined) return [];
  const when = new Date(crossesMs).toISOString().slice(0, 16);
  const text = `${Math.round(overageGb)} GB over the pool at the month's end, ${overageDollars.toFixed(2)} dollars; from ${when}`;
  return [{ code: 'transfer_over', of: 'account', text }];
}

/** What a relay said before it fell silent is not what it has: its gifts are not known. */
function reportOf({ id, region, draining, load, loadFresh }: KnownRelay): RelayReport {
  const { rooms, viewers, giftsHeld } = load;
  return { id, region, draining, rooms, viewers, giftsHeld: loadFresh ? giftsHeld : undefined };
}

/** What of a state is worth a write: not when somebody was heard last. */
const written = ({ machines, ...rest }: FleetState): string =>
  JSON.stringify([rest, Object.values(machines).map(({ heardMs: _, ...machine }) => machine)]);

async function create(
  provider: Provider,
  { id, label, zone, tags }: Action & { do: 'create' },
  log: ScalerOptions['log'],
): Promise<Outcome> {
  try {
    await provider.create({ label, zone, tags });
    return { of: 'create', id, ok: true };
  } catch (error) {
    log.warn({ err: error }, `machine ${label} was not created`);
    // Of anything else it is not known what it did.
    if (!(error instanceof ProviderError)) return { of: 'create', id, ok: false, code: 'outcome_unknown' };
    return { of: 'create', id, ok: false, code: error.code, retryAfterMs: error.retryAfterMs };
  }
}

async function remove(
  provider: Provider,
  { id, machine, label }: Action & { do: 'remove' },
  log: ScalerOptions['log'],
): Promise<Outcome> {
  try {
    await provider.remove(machine);
    return { of: 'remove', id, ok: true };
  } catch (error) {
    log.warn({ err: error }, `machine ${label} was not removed`);
    return { of: 'remove', id, ok: false };
  }
}
