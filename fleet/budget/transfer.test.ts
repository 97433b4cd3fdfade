import { describe, expect, it } from 'vitest';
import { emptyTransfer, forecastTransfer, monthEndMs, observeTransfer, type TransferMemory } from './transfer.ts';

const HOUR = 3_600_000;
const MONTH = Date.UTC(2026, 2, 1);
const HOURS = 31 * 24;
const PRICES = { machineTransferGb: 4000, overageGb: 0.005 };

/** GB of an hour: an evening, and weekends twice as much. */
function use(hour: number, perHour: number): number {
  const day = new Date(MONTH + hour * HOUR).getUTCDay();
  return perHour * (1 + Math.cos((2 * Math.PI * ((hour % 24) - 12)) / 24)) * (day === 0 || day === 6 ? 2 : 1);
}

/** The month until an hour of it, seen each ten minutes, after two weeks before. */
function observed(untilHour: number, perHour: number, machines: number) {
  let memory: TransferMemory = emptyTransfer();
  let usedGb = 0;
  for (let ten = -14 * 24 * 6; ten <= untilHour * 6; ten += 1) {
    if (ten === 0) usedGb = 0;
    usedGb += use(Math.floor(ten / 6), perHour) / 6;
    memory = observeTransfer(memory, { usedGb, quotaGb: machines * 4000 }, machines, MONTH + (ten * HOUR) / 6);
  }
  return { memory, now: { usedGb, quotaGb: machines * 4000 }, nowMs: MONTH + untilHour * HOUR };
}

const whole = (perHour: number) => Array.from({ length: HOURS }, (_, n) => use(n, perHour)).reduce((a, b) => a + b, 0);

describe('transfer', () => {
  it('foresees the month from its first week on', () => {
    const truth = whole(50);
    for (const day of [7, 12, 20, 29]) {
      const { memory, now, nowMs } = observed(day * 24, 50, 4);
      expect(Math.abs(forecastTransfer(memory, now, PRICES, nowMs).usedGb / truth - 1)).toBeLessThan(0.05);
    }
  });

  it('says weeks before when the pool will be used up, and what the rest costs; and nothing where there is room', () => {
    const { memory, now, nowMs } = observed(7 * 24, 50, 4);
    const over = forecastTransfer(memory, now, PRICES, nowMs);
    expect(over.quotaGb).toBeCloseTo(16_000, -1);
    expect(over.overageDollars).toBeCloseTo((over.usedGb - over.quotaGb) * 0.005);
    expect(over.crossesMs! - nowMs).toBeGreaterThan(24 * HOUR);
    const room = observed(7 * 24, 10, 4);
    expect(forecastTransfer(room.memory, room.now, PRICES, room.nowMs)).toMatchObject({
      overageGb: 0,
      crossesMs: undefined,
    });
  });

  it('the pool is of hours: machines that go take along what is left of the month', () => {
    const { memory, now, nowMs } = observed(10 * 24, 10, 4);
    const half = { ...memory, machinesPerHour: memory.machinesPerHour.map((each) => (each ?? 0) / 2) };
    const { quotaGb } = forecastTransfer(half, now, PRICES, nowMs);
    expect(quotaGb).toBeCloseTo(16_000 - (8000 * 21) / 31, -2);
  });

  it('survives a new month, a restart and a gap', () => {
    const { memory } = observed(10 * 24, 50, 4);
    const restored = JSON.parse(JSON.stringify(memory)) as TransferMemory;
    const nextMs = monthEndMs(MONTH) + 5 * HOUR;
    const next = observeTransfer(restored, { usedGb: 12, quotaGb: 16_000 }, 4, nextMs);
    expect(next).toMatchObject({ month: '2026-04', used: 12 });
    expect(next.usePerHour).toEqual(memory.usePerHour);
  });
});
