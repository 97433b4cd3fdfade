import { BUDGET_MS } from '../bench/stream-present.ts';
import { svgLine as line, svgPage, svgText as text } from '../lib/svg.ts';
import type { MatrixRow } from './matrix.ts';

const ROW = 20;
const LEFT = 250;
const LAG_WIDTH = 400;
const LAG_MAX_MS = 160;
const SHARE_WIDTH = 130;
const GAP = 40;
/** Shares below this end at the axis. */
const WORST_SHARE = 0.85;
const TOP = 46;

const VOICE = '#c2410c';
const FACE = '#1d4ed8';

const lagX = (ms: number) => LEFT + (Math.min(ms, LAG_MAX_MS) / LAG_MAX_MS) * LAG_WIDTH;
const shareX = (from: number, share: number) =>
  from + (Math.max(0, share - WORST_SHARE) / (1 - WORST_SHARE)) * SHARE_WIDTH;

/** A dot at the median, a line to the 99th percentile. */
function lag(y: number, { p50, p99 }: MatrixRow['voice_lag_ms'], colour: string): string[] {
  if (p50 === null || p99 === null) return [];
  return [
    line(lagX(p50), y, lagX(p99), y, `stroke="${colour}" stroke-width="2"`),
    `<circle cx="${lagX(p50).toFixed(1)}" cy="${y}" r="3" fill="${colour}"/>`,
  ];
}

/** One row a network: lag of voice and face, exact frames, voice that was there. */
export function plot(rows: readonly MatrixRow[]): string {
  const height = TOP + rows.length * ROW + 30;
  const bottom = TOP + rows.length * ROW;
  const exactLeft = LEFT + LAG_WIDTH + GAP;
  const voiceLeft = exactLeft + SHARE_WIDTH + GAP;
  const width = voiceLeft + SHARE_WIDTH + 30;
  const out = [
    text(LEFT, 16, 'capture to presentation, ms: median (dot) to 99th percentile'),
    `<g fill="${VOICE}">${text(LEFT, 32, 'voice')}</g><g fill="${FACE}">${text(LEFT + 40, 32, 'face')}</g>`,
    text(exactLeft, 16, 'exact frames'),
    text(voiceLeft, 16, 'voice heard'),
  ];
  for (let ms = 0; ms <= LAG_MAX_MS; ms += 20) {
    out.push(
      line(lagX(ms), TOP, lagX(ms), bottom, 'stroke="#e5e7eb"'),
      text(lagX(ms), bottom + 16, String(ms), 'middle'),
    );
  }
  out.push(line(lagX(BUDGET_MS), TOP, lagX(BUDGET_MS), bottom, 'stroke="#374151" stroke-dasharray="4 3"'));
  for (const left of [exactLeft, voiceLeft]) {
    for (const share of [0.85, 0.9, 0.95, 1]) {
      const x = shareX(left, share);
      out.push(
        line(x, TOP, x, bottom, 'stroke="#e5e7eb"'),
        text(x, bottom + 16, `${Math.round(100 * share)} %`, 'middle'),
      );
    }
  }
  rows.forEach((row, i) => {
    const y = TOP + i * ROW + ROW / 2;
    out.push(text(LEFT - 10, y + 4, row.condition, 'end'));
    out.push(...lag(y - 3, row.voice_lag_ms, VOICE), ...lag(y + 4, row.motion_lag_ms, FACE));
    const bars = [
      [exactLeft, row.exact_ratio ?? 0, FACE],
      [voiceLeft, 1 - (row.voice_gap_ratio ?? 1), VOICE],
    ] as const;
    for (const [left, share, colour] of bars) {
      const long = Math.max(1, shareX(left, share) - left).toFixed(1);
      out.push(`<rect x="${left}" y="${y - 5}" width="${long}" height="10" fill="${colour}" fill-opacity="0.6"/>`);
    }
  });
  return svgPage(width, height, 'Lag from capture to presentation, exact frames and voice heard, by network', out);
}
