import type { WatchStats } from '@hayate/client';
import { h } from './dom.ts';
import type { Words } from './language/english.ts';
import { say } from './language/language.ts';

export type FigureName = keyof Words['figure'];

/** A small table whose values change. */
export function figureTable(names: readonly FigureName[]): {
  element: HTMLElement;
  set(name: FigureName, value: string): void;
} {
  const cells = new Map(names.map((name) => [name, h('dd', {}, '–')]));
  const element = h('dl');
  for (const [name, cell] of cells)
    element.append(
      h(
        'dt',
        {},
        say((w) => w.figure[name]),
      ),
      cell,
    );
  return {
    element,
    set(name, value) {
      const cell = cells.get(name);
      if (cell && cell.textContent !== value) cell.textContent = value;
    },
  };
}

export interface Totals {
  received: number;
  lost: number;
}

export function totalsOf(stats: WatchStats): Totals {
  let received = 0;
  let lost = 0;
  for (const { motion, voice } of stats.slots.values()) {
    received += motion.received + voice.received;
    lost += motion.lost + voice.lost;
  }
  return { received, lost };
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(2)} %`;
}
