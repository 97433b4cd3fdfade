export interface OptimumPlan {
  min: number;
  max: number;
  stepMs: number;
  /** A machine is paid for from its create on, and serves so much later. */
  bootMs: number;
  /** And until its rooms have moved. */
  drainMs: number;
}

/**
 * Machine-hours that nobody can be under who knows the load in advance: each moment as many as the load fills to the limit,
 * rooms packed without a gap, no more spare, none lost; paid for from the create until the drain has ended. A real optimum needs
 * more, since rooms have sizes.
 * @param load by step, in relays that are full
 */
export function clairvoyantHours(load: readonly number[], { min, max, stepMs, bootMs, drainMs }: OptimumPlan): number {
  const need = load.map((each) => Math.min(max, Math.max(min, Math.ceil(each))));
  const [ahead, behind] = [Math.ceil(bootMs / stepMs), Math.ceil(drainMs / stepMs)];
  let sum = 0;
  for (let step = 0; step < need.length; step += 1) {
    let paid = 0;
    for (let at = Math.max(0, step - behind); at <= Math.min(need.length - 1, step + ahead); at += 1) {
      paid = Math.max(paid, need[at]!);
    }
    sum += paid;
  }
  return (sum * stepMs) / 3_600_000;
}
