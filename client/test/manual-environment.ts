import { ManualClock } from '@hayate/transport/memory';
import type { Environment } from '../room/environment.ts';

/** An environment that stands still until its clock is advanced. @param everyMs timers run at whole multiples of it only */
export function manualEnvironment(everyMs?: number) {
  const clock = new ManualClock(5_000_000);
  const nowMs = () => clock.nowUs() / 1000;
  const environment: Environment = {
    nowMs,
    wallMs: nowMs,
    random: () => 0.5,
    setTimer: (run, delayMs) => {
      const timer = { live: true };
      const dueMs = nowMs() + delayMs;
      const atMs = everyMs === undefined ? dueMs : Math.ceil(dueMs / everyMs) * everyMs;
      clock.schedule(atMs * 1000, () => timer.live && run());
      return timer;
    },
    clearTimer: (timer) => {
      (timer as { live: boolean }).live = false;
    },
  };
  return { clock, nowMs, environment };
}
