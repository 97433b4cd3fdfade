import { HayateError } from '@hayate/codec/errors';
import type { KnownRelay } from '@hayate/relay/directory';
import type { Logger } from 'pino';
import type { TransferForecast } from '../budget/transfer.ts';
import { fullnessOf, type PlaceRules } from '../place/place.ts';
import { type Machine, type Provider, ProviderError } from '../provider/types.ts';
import { type Deletable, decide, isDeletable, resumed } from '../scale/decide.ts';
import { Forecast, type ForecastMemory } from '../scale/forecast.ts';
import { type NeedRules, needOf } from '../scale/need.ts';
import { settle } from '../scale/outcome.ts';
import { type Gifts, released } from '../scale/release.ts';
import { spreadOf } from '../scale/shares.ts';
import {
  type Action,
  type Alarm,
  emptyState,
  type FleetState,
  type Observation,
  type Outcome,
  type RelayReport,
  type ScaleRules,
  type Shares,
} from '../scale/types.ts';
import { Kept } from '../store/kept.ts';
import type { Store } from '../store/store.ts';
import { readShares } from './shares.ts';
import { TransferWatch } from './transfer-watch.ts';

/** The directory, as far as the fleet needs it. */
interface RelaysView {
  relays(): readonly KnownRelay[];
  /** It has been there long enough to know who lives. */
  settled(): boolean;
}

export interface ScalerOptions {
  rules: { scale: ScaleRules; need: NeedRules; place: PlaceRules };
  store: Store;
  /** By name. `share`: percent of each region where it has zones, until a shift says otherwise. */
  providers: Readonly<Record<string, { share: number; api: Provider }>>;
  view: RelaysView;
  /** Tells a relay to drain; told again until the directory shows it. */
  drain(id: string): Promise<void>;
  nowMs(): number;
  after(ms: number, callback: () => void): () => void;
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
  /** By provider that counts it. */
  transfer: Readonly<Record<string, TransferForecast>>;
  /** By region and provider. */
  shares: Readonly<Record<string, Readonly<Record<string, ShareStatus>>>>;
  /** What a dry run would have done last. */
  planned: readonly Action[];
}

export interface ShareStatus {
  /** Percent. */
  share: number;
  /** Relays that this is; not whole. */
  due: number;
  /** By phase. */
  relays: Readonly<Record<string, number>>;
}

/** Who takes longer gives no list at this look: the others are not to wait for it. */
const LIST_MS = 10_000;

/** What the leader does: looks, decides, keeps what it decided, and does it. `tick` each few seconds; never two at once. */
export class Scaler {
  readonly #options: ScalerOptions;
  readonly #state: Kept<FleetState>;
  readonly #forecasts: Kept<Record<string, ForecastMemory>>;
  readonly #transfers: TransferWatch[];
  readonly #byRegion = new Map<string, Forecast>();
  readonly #recent = new Map<string, [atMs: number, load: number][]>();
  /** Ids of calls that are not answered yet. */
  readonly #under = new Set<string>();
  /** Lists that are asked for. */
  readonly #asking = new Map<string, Promise<{ atMs: number; list: Machine[] } | undefined>>();
  #now: FleetState = emptyState();
  #shares: Shares = {};
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
    this.#transfers = Object.entries(options.providers).flatMap(([name, { api }]) =>
      api.billing ? [new TransferWatch({ ...options, name, billing: api.billing })] : [],
    );
  }

  status(): ScalerStatus {
    const transfer = Object.fromEntries(
      this.#transfers.flatMap(({ name, forecast }) => (forecast ? [[name, forecast]] : [])),
    );
    const { regions } = this.#options.rules.scale;
    const shares = Object.fromEntries(Object.keys(regions).map((region) => [region, this.#shareStatus(region)]));
    return { state: this.#now, need: this.#need, alarms: this.#alarms, transfer, shares, planned: this.#planned };
  }

  #shareStatus(region: string): Record<string, ShareStatus> {
    const { scale } = this.#options.rules;
    const spread = spreadOf(this.#now, region, this.#shares, scale);
    const of = Object.values(this.#now.machines).filter((machine) => machine.region === region);
    const names = new Set([...Object.keys(scale.regions[region]!.zones), ...of.map(({ provider }) => provider)]);
    const one = (name: string): ShareStatus => {
      const relays: Record<string, number> = {};
      for (const { provider, phase } of of) if (provider === name) relays[phase] = (relays[phase] ?? 0) + 1;
      return { share: this.#shares[region]?.[name] ?? 0, due: spread.due(name, spread.total), relays };
    };
    return Object.fromEntries([...names].map((name) => [name, one(name)]));
  }

  /** Ids that drain or are about to: no room goes there, whatever the directory says yet. */
  leaving(): Set<string> {
    const all = Object.values(this.#now.machines);
    return new Set(all.filter(({ phase }) => phase === 'draining' || phase === 'removing').map(({ id }) => id));
  }

  /**
   * Gives a lost machine up, and its disk with it. Kept before it is answered; the machine goes at the next look.
   * @param name relay id, or label. @returns its label. @throws HayateError `invalid_argument`, `unavailable`
   */
  async release(name: string, gifts: Gifts, by: string): Promise<string> {
    const { rules, log, nowMs, dryRun } = this.#options;
    if (dryRun) throw new HayateError('invalid_argument', 'a dry run removes no machine');
    if (!this.#state.loaded) throw new HayateError('unavailable', 'it has not looked yet', { retryable: true });
    const { state, id, label } = released(this.#now, name, gifts, nowMs(), rules.scale.labelPrefix);
    if (!(await this.#keep(state))) {
      throw new HayateError('unavailable', 'the state was not kept: nothing is released', { retryable: true });
    }
    log.warn({ audit: 'fleet_release', id, label, gifts, by }, `${label} was given up by hand, its gifts ${gifts}`);
    return label;
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
    const [machines] = await Promise.all([this.#lists(), this.#readShares()]);
    if (this.#stopped) return;
    const decision = decide(
      this.#now,
      this.#seen(machines),
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
    // Nobody waits for what a provider says of money.
    for (const watch of this.#transfers) void watch.look(machines[watch.name]?.list.length ?? 0);
  }

  async #lists(): Promise<Observation['machines']> {
    const names = Object.keys(this.#options.providers);
    return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await this.#list(name)] as const)));
  }

  #list(name: string): Promise<{ atMs: number; list: Machine[] } | undefined> {
    const { providers, rules, log, nowMs, after } = this.#options;
    const atMs = nowMs();
    const ask = async () => {
      try {
        return { atMs, list: await providers[name]!.api.machines(rules.scale.tag) };
      } catch (error) {
        log.warn({ err: error, provider: name }, 'the provider gives no list');
        return undefined;
      }
    };
    const asking = this.#asking.get(name) ?? ask().finally(() => this.#asking.delete(name));
    this.#asking.set(name, asking);
    return new Promise((resolve) => {
      const stop = after(LIST_MS, () => resolve(undefined));
      void asking.then((answer) => {
        stop();
        resolve(answer);
      });
    });
  }

  /** Either instance may have been told to shift. While the store is away the last ones hold. */
  async #readShares(): Promise<void> {
    const { store, providers, rules, log } = this.#options;
    try {
      this.#shares = (await readShares(store, providers, rules.scale.regions)).shares;
    } catch (error) {
      log.warn({ err: error }, 'shares of the providers were not read');
      if (Object.keys(this.#shares).length === 0) throw error;
    }
  }

  async #load(): Promise<void> {
    const nowMs = this.#options.nowMs();
    const [forecasts] = await Promise.all([this.#forecasts.load(), ...this.#transfers.map((watch) => watch.load())]);
    for (const [region, memory] of Object.entries(forecasts ?? {}))
      this.#byRegion.set(region, new Forecast(memory, this.#options.rules.need.trendMs));
    const state = await this.#state.load();
    // One of another version is as good as lost: it is made again of tags and labels.
    this.#now = resumed(state?.version === emptyState().version ? state : emptyState(), nowMs);
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
      const kept = recent.filter(([atMs]) => now - atMs <= rules.need.fallMs);
      this.#recent.set(region, kept);
      const load = Math.max(...kept.map(([, each]) => each));
      const forecast = this.#byRegion.get(region) ?? new Forecast(undefined, rules.need.trendMs);
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
    void this.#forecasts.remember(Object.fromEntries([...this.#byRegion].map(([region, f]) => [region, f.memory()])));
  }

  #seen(machines: Observation['machines']): Observation {
    const { view } = this.#options;
    const relays = view.relays().map(reportOf);
    return { machines, relays, directory: view.settled(), need: this.#need, shares: this.#shares };
  }

  #begin(action: Action): void {
    const { log, drain, providers, nowMs } = this.#options;
    const key = `${action.do} ${action.id}`;
    if (this.#under.has(key)) return;
    this.#under.add(key);
    const run = async (): Promise<void> => {
      if (action.do === 'drain') return drain(action.id);
      const provider = providers[action.provider]?.api;
      // Of one that is no more configured there is no list, and so no action.
      if (!provider) return;
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

  #tellAlarms(alarms: readonly Alarm[]): void {
    const all = [...alarms, ...this.#transfers.flatMap((watch) => watch.alarms())];
    const told = new Set(this.#alarms.map(({ code, of }) => `${code} ${of}`));
    for (const alarm of all) {
      if (!told.has(`${alarm.code} ${alarm.of}`))
        this.#options.log.error({ alarm: alarm.code, of: alarm.of }, alarm.text);
    }
    this.#alarms = all;
  }
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
