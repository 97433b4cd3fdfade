import type { Hops, Lag } from './meter.ts';

const SPAN_MS = 60_000;
const HEIGHT = 150;
const LEFT = 34;
const BOTTOM = 14;
/** The scale grows by these; it falls again when nothing needs it. */
const SCALES = [120, 200, 400, 800, 1600, 3200, 6400];

export const HOPS = ['up', 'trunk', 'hold', 'down', 'playout'] as const;
export type Hop = (typeof HOPS)[number];

interface Sample {
  atMs: number;
  hops: Hops | undefined;
}

export const msOf = (hops: Hops, hop: Hop): number => {
  const value: Lag | number | undefined = hops[hop];
  return typeof value === 'number' ? value : (value?.ms ?? 0);
};

/** A minute of hops, stacked, with a line at the budget. Drawn anew each time: 240 columns are nothing. */
export class HopChart {
  readonly canvas = document.createElement('canvas');
  readonly #samples: Sample[] = [];
  /** Of the canvas: what a style sheet names for it, in the page's present scheme. */
  readonly #ink = document.createElement('span');

  constructor() {
    this.canvas.className = 'hops';
    this.canvas.append(this.#ink);
  }

  add(atMs: number, hops: Hops | undefined): void {
    this.#samples.push({ atMs, hops });
    while (this.#samples[0]!.atMs < atMs - SPAN_MS) this.#samples.shift();
  }

  draw(budgetMs: number): void {
    const { canvas } = this;
    const [width, ratio] = [canvas.clientWidth, devicePixelRatio];
    const context = canvas.getContext('2d');
    if (!context || width === 0) return;
    const pixels = [Math.round(width * ratio), Math.round(HEIGHT * ratio)] as const;
    if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, HEIGHT);
    const colours = this.#colours();
    const top = Math.max(budgetMs, ...this.#samples.map(({ hops }) => (hops ? totalOf(hops) : 0)));
    const scale = SCALES.find((each) => each >= top * 1.05) ?? top;
    const y = (ms: number) => (HEIGHT - BOTTOM) * (1 - ms / scale);
    this.#axis(context, width, scale, y, colours);
    const lastMs = this.#samples.at(-1)?.atMs ?? 0;
    const x = (atMs: number) => LEFT + (width - LEFT) * (1 - (lastMs - atMs) / SPAN_MS);
    for (const [n, { atMs, hops }] of this.#samples.entries()) {
      const until = this.#samples[n + 1]?.atMs ?? lastMs + 250;
      if (hops) column(context, hops, x(atMs), Math.max(1, x(until) - x(atMs)), y, colours);
    }
    context.strokeStyle = colours.grave;
    context.setLineDash([4, 3]);
    line(context, LEFT, y(budgetMs), width, y(budgetMs));
    context.setLineDash([]);
  }

  /** A canvas takes no `var()` nor `light-dark()`: the style of an element resolves them. */
  #colours(): Record<Hop | 'ink' | 'edge' | 'grave', string> {
    const style = getComputedStyle(this.#ink);
    const read = (name: string) => {
      this.#ink.style.color = `var(--${name})`;
      return style.color;
    };
    return {
      ...{ up: read('hop-up'), trunk: read('hop-trunk'), hold: read('hop-hold'), down: read('hop-down') },
      ...{ playout: read('hop-playout'), ink: read('dim'), edge: read('edge'), grave: read('grave') },
    };
  }

  #axis(
    context: CanvasRenderingContext2D,
    width: number,
    scale: number,
    y: (ms: number) => number,
    colours: { ink: string; edge: string },
  ): void {
    context.font = '11px system-ui';
    context.fillStyle = colours.ink;
    context.strokeStyle = colours.edge;
    for (let ms = 0; ms <= scale; ms += scale / 4) {
      line(context, LEFT, y(ms), width, y(ms));
      context.fillText(ms.toFixed(0), 4, Math.max(10, y(ms) + 4));
    }
  }
}

export const totalOf = (hops: Hops): number => HOPS.reduce((sum, hop) => sum + msOf(hops, hop), 0);

function column(
  context: CanvasRenderingContext2D,
  hops: Hops,
  left: number,
  width: number,
  y: (ms: number) => number,
  colours: Record<Hop | 'ink', string>,
): void {
  let from = 0;
  for (const hop of HOPS) {
    const to = from + msOf(hops, hop);
    context.fillStyle = colours[hop];
    context.fillRect(left, y(to), width, y(from) - y(to));
    from = to;
  }
  // Where the units came to the relay, and here: both ends of what the clocks leave open.
  const relay = hops.up.ms + (hops.trunk?.ms ?? 0);
  const here = relay + hops.hold + hops.down.ms;
  const open = hops.up.uncertaintyMs;
  context.fillStyle = colours.ink;
  for (const [at, by] of [
    [relay, open],
    [here, open + hops.down.uncertaintyMs],
  ] as const) {
    for (const end of [Math.max(0, at - by), at + by]) context.fillRect(left, y(end), width, 1);
  }
}

function line(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  context.beginPath();
  context.moveTo(x1, Math.round(y1) + 0.5);
  context.lineTo(x2, Math.round(y2) + 0.5);
  context.stroke();
}
