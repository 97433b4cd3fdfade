import type { DayResult } from './day.ts';
import { FAULTS, FLEET, LOAD, START_MS, STUCK } from './plan.ts';

const round = (value: number, digits = 4): number => Number(value.toFixed(digits));
const HOUR_MS = 3_600_000;

/** What a day came to, without its samples. */
export function figuresOf(result: DayResult) {
  const { counts, vm_hours, clairvoyant_vm_hours, transfer } = result;
  const errors = transfer.forecast.map(({ hour, used_gb, quota_gb }) => ({
    ...{ hour: Math.floor(hour), used: used_gb / transfer.used_gb - 1, quota: quota_gb / transfer.quota_gb - 1 },
  }));
  return {
    rooms_opened: counts.openings,
    rooms_reopened_after_deaths: counts.reopenings,
    refused: counts.refused,
    reopened_late: counts.reopenedLate,
    refused_share: round((counts.refused + counts.reopenedLate) / (counts.openings + counts.reopenings), 6),
    refused_share_of_new_rooms: round(counts.refused / counts.openings, 6),
    longest_until_a_room_was_in_s: Math.ceil(counts.longestMs / 1000),
    rooms_cut_by_scale_in: counts.cut,
    rooms_moved_by_drains: counts.moved,
    two_vms_for_one_intent: result.doubled,
    vms_deleted_with_unsent_gifts: counts.machinesWithGifts,
    unsent_gifts_deleted: counts.giftsDeleted,
    vm_hours: round(vm_hours, 1),
    clairvoyant_vm_hours: round(clairvoyant_vm_hours, 1),
    vm_hours_over_clairvoyant: round(vm_hours / clairvoyant_vm_hours - 1),
    load_peak_over_night: Object.fromEntries(Object.entries(result.ratio_of_load).map(([k, v]) => [k, round(v, 1)])),
    viewer_time_on_relays_over_their_limit: round(result.over_limit),
    viewer_time_on_relays_that_need_over_a_core: round(result.beyond, 6),
    fullest_relay: round(result.highest, 2),
    relay_deaths: counts.deaths,
    api: result.api,
    placement: result.fleet,
    placed_by_relays_themselves: counts.byRelays,
    refused_while_the_fleet_was_dead: result.refused_while_dead,
    alarm_minutes: Object.fromEntries(Object.entries(result.alarms).map(([k, v]) => [k, Math.round(v)])),
    transfer: {
      used_gb: transfer.used_gb,
      pool_gb: transfer.quota_gb,
      error_of_forecast_for_midnight: errors
        .filter(({ hour }) => hour % 6 === 0)
        .map(({ hour, used, quota }) => ({ at_hour: hour, used: round(used), pool: round(quota) })),
    },
    end_state: result.end,
  };
}

/** What the day was, for whoever reads the figures. */
export const assumptions = {
  rooms_at_night: LOAD.nightRooms,
  evening_by_night: LOAD.ratio,
  room_minutes_median: LOAD.medianMinutes,
  viewers_a_room_median: LOAD.medianViewers,
  rooms_that_cannot_move: STUCK,
  creates_failing: FAULTS.failing,
  creates_answered_408: FAULTS.timeouts,
  zone_outage: {
    ...{ zone: FAULTS.outage.zone, at_hour: (FAULTS.outage.fromMs - START_MS) / HOUR_MS },
    minutes: FAULTS.outage.forMs / 60_000,
  },
  fleet: FLEET,
};
