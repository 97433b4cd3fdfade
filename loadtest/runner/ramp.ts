/** A value over time: straight between its points, a step where two stand at one time. */
export type Ramp = readonly { atMs: number; value: number }[];

/**
 * When a ramp of VUs changes and to how many: whole VUs, each change when the line reaches it. Ends with the last point.
 */
export function vuSteps(ramp: Ramp): { atMs: number; vus: number }[] {
  const steps = [{ atMs: 0, vus: ramp[0]!.value }];
  for (let index = 1; index < ramp.length; index++) {
    const from = ramp[index - 1]!;
    const to = ramp[index]!;
    const change = to.value - from.value;
    const direction = Math.sign(change);
    for (let step = 1; step <= Math.abs(change); step++) {
      const atMs = from.atMs + ((to.atMs - from.atMs) * step) / Math.abs(change);
      steps.push({ atMs, vus: from.value + direction * step });
    }
  }
  return steps;
}

/** Times at which the iterations of an arrival rate (a second) start, ms: where the area under the line is whole. */
export function* arrivals(ramp: Ramp): Generator<number> {
  let area = 0;
  let next = 0;
  for (let index = 1; index < ramp.length; index++) {
    const from = ramp[index - 1]!;
    const to = ramp[index]!;
    const lengthMs = to.atMs - from.atMs;
    if (lengthMs <= 0) continue;
    const total = ((from.value + to.value) / 2) * (lengthMs / 1000);
    // The end belongs to the next stage, and to nobody at the end of the last.
    while (next < area + total - 1e-9) {
      yield from.atMs + timeOf(next - area, from.value / 1000, (to.value - from.value) / 1000 / lengthMs);
      next += 1;
    }
    area += total;
  }
}

/** t with start x t + slope x t^2 / 2 = area. */
function timeOf(area: number, start: number, slope: number): number {
  if (area <= 0) return 0;
  // This form has no difference of near values in it, whichever sign the slope has.
  return (2 * area) / (start + Math.sqrt(Math.max(0, start * start + 2 * slope * area)));
}
