import type { Watcher } from '@hayate/client';
import { h, put } from '../dom.ts';
import { percent } from '../figures.ts';
import type { PageProbe } from '../probe.ts';
import { HOPS, HopChart, msOf, totalOf } from './chart.ts';
import { bitrate, VIDEO_BITRATES } from './costs.ts';
import { linkMenu } from './link.ts';
import { Meter, type Reading } from './meter.ts';
import { engineerWords, tell } from './words.ts';

const DRAW_MS = 250;
const ASK_MS = 1000;

const ROWS = ['cost', 'loss', 'delivery', 'clock', 'way'] as const;

/** What the SDK, the relay and the page know of one liver's media, drawn four times a second while it is open. */
export class EngineerPanel {
  readonly element: HTMLElement;
  readonly #watcher: Watcher;
  readonly #probe: PageProbe;
  readonly #meter = new Meter();
  readonly #chart = new HopChart();
  readonly #title = h('b', {});
  readonly #bar = h('div', { class: 'budget', role: 'img' });
  readonly #legend = h('ul', { class: 'legend' });
  readonly #cells = new Map(ROWS.map((row) => [row, h('dd', {}, '–')]));
  readonly #stops: (() => void)[] = [];
  #reading: Reading | undefined;

  constructor(watcher: Watcher, probe: PageProbe, onClose: () => void) {
    this.#watcher = watcher;
    this.#probe = probe;
    const rows = h('dl');
    for (const [row, cell] of this.#cells) {
      rows.append(
        h(
          'dt',
          {},
          tell((w) => w[row]),
        ),
        cell,
      );
    }
    const close = h(
      'button',
      { type: 'button', class: 'quiet', onclick: onClose },
      tell((w) => w.close),
    );
    this.#chart.canvas.setAttribute('role', 'img');
    const network = h('div');
    void linkMenu(probe).then((menu) => menu && network.append(menu));
    this.element = h(
      'section',
      { class: 'engineer', 'aria-label': tell((w) => w.title) },
      h('header', {}, this.#title, close),
      this.#chart.canvas,
      this.#legend,
      this.#bar,
      rows,
      network,
    );
  }

  get reading(): Reading | undefined {
    return this.#reading;
  }

  open(): void {
    const ask = setInterval(() => this.#ask(), ASK_MS);
    const draw = setInterval(() => this.#draw(), DRAW_MS);
    this.#stops.push(
      () => clearInterval(ask),
      () => clearInterval(draw),
      this.#watcher.onFrame((unit) => this.#meter.unit(unit)),
      this.#watcher.onVoice((unit) => this.#meter.unit(unit)),
      this.#watcher.room.on('state', () => this.#meter.reset()),
    );
    this.#ask();
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#meter.reset();
    this.#reading = undefined;
  }

  #ask(): void {
    this.#watcher.route().then(
      (route) => {
        this.#meter.route = route;
      },
      () => {
        // Without a session there is no route; the next second asks again.
      },
    );
  }

  #draw(): void {
    const nowMs = performance.now();
    const stats = this.#watcher.stats();
    const [slot] = stats.slots.keys();
    const playout = slot === undefined ? undefined : this.#watcher.playout(slot);
    const reading = slot === undefined || !playout ? undefined : this.#meter.read(slot, stats, playout, nowMs);
    this.#reading = reading;
    const budgetMs = this.#watcher.room.welcome?.budgetMs ?? 100;
    this.#chart.add(nowMs, reading?.hops);
    this.#chart.draw(budgetMs);
    const words = engineerWords();
    const total = reading?.hops && totalOf(reading.hops);
    const summary = total === undefined ? words.waiting : words.hopsOf(total.toFixed(0), budgetMs);
    put(this.#title, summary);
    this.#chart.canvas.setAttribute('aria-label', `${words.chart}. ${summary}`);
    this.#showHops(reading, budgetMs);
    if (reading) this.#showRows(reading);
  }

  #showHops(reading: Reading | undefined, budgetMs: number): void {
    const words = engineerWords();
    const { hops } = reading ?? {};
    const shown = hops ? HOPS.filter((hop) => hop !== 'trunk' || hops.trunk) : [];
    put(
      this.#legend,
      ...shown.map((hop) => {
        const value = hops![hop];
        const open = typeof value === 'object' ? ` ± ${value.uncertaintyMs.toFixed(1)}` : '';
        return h('li', { class: `hop-${hop}` }, `${words.hop[hop]} ${msOf(hops!, hop).toFixed(1)}${open} ms`);
      }),
    );
    if (!hops) {
      put(this.#bar);
      return;
    }
    const network = hops.up.ms + (hops.trunk?.ms ?? 0) + hops.down.ms;
    const parts = [
      ['network', words.network, network],
      ['hold', words.hold, hops.hold],
      ['playout', words.hop.playout, hops.playout],
      ['spare', words.spare, Math.max(0, budgetMs - totalOf(hops))],
    ] as const;
    const text = parts.map(([, name, ms]) => `${name} ${ms.toFixed(0)} ms`).join(', ');
    this.#bar.setAttribute('aria-label', text);
    const boxes = parts.map(([kind, name, ms]) => {
      const box = h('span', { class: kind, title: `${name} ${ms.toFixed(1)} ms` }, `${name} ${ms.toFixed(0)}`);
      box.style.flexGrow = ms.toFixed(1);
      return box;
    });
    put(this.#bar, ...boxes);
  }

  #showRows({ perSecond, total, route, clockMs, rttMs }: Reading): void {
    const words = engineerWords();
    const set = (row: (typeof ROWS)[number], ...lines: string[]) => {
      const text = lines.join('; ');
      const cell = this.#cells.get(row)!;
      if (cell.textContent !== text) cell.textContent = text;
    };
    const bits = bitrate(perSecond);
    const { low, high } = VIDEO_BITRATES;
    const mega = (value: number) => (value / 1e6).toFixed(1);
    const times = bits > 0 ? `${(low / bits).toFixed(0)}–${(high / bits).toFixed(0)}` : '–';
    set(
      'cost',
      words.costNow(perSecond.datagrams.toFixed(0), (bits / 1000).toFixed(0)),
      words.video(mega(low), mega(high), times),
    );
    const rate = (value: number) => `${value.toFixed(1)}/s`;
    set(
      'loss',
      words.lossNow(rate(perSecond.lost), rate(perSecond.late), rate(perSecond.behind)),
      words.lossTotal(percent(total.lost, total.units), total.units),
      words.repair(perSecond.repeats.toFixed(1), perSecond.asked.toFixed(1)),
    );
    const { delivery } = route ?? {};
    if (delivery) {
      const { voice, holdMs, repair, why, loss, spareMs, level } = delivery;
      set(
        'delivery',
        words.deliveryNow(voice, holdMs.toFixed(0), repair, why),
        words.path(percent(loss, 1), spareMs?.toFixed(0) ?? '–', level),
      );
    } else set('delivery', '–');
    set('clock', words.clockNow(clockMs.toFixed(2), rttMs?.toFixed(1) ?? '–'));
    set('way', this.#probe.transport === 'websocket' ? 'WebSocket' : 'WebTransport');
  }
}
