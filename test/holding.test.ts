import { PlayoutSchedule } from '@hayate/client/internal';
import { describe, expect, it } from 'vitest';
import { TUNING } from '../relay/policy/tuning.ts';
import { simulate, type Way } from '../relay/test/delivery-simulation.ts';

const CONVERSES_MS = 20_000;
const SECONDS = 60;

/** Of a display with 120 Hz. */
const REFRESH_MS = 1000 / 120;

const within =
  (fromMs: number) =>
  ({ captureMs }: { captureMs: number }) =>
    captureMs >= fromMs && captureMs < fromMs + 1000;

/** A viewer with the SDK's playout, in conversation for 20 s: what came too late to be shown or heard after that. */
function conversationEnds(way: Way, tuning = TUNING) {
  const schedule = new PlayoutSchedule({ budgetMs: 100 });
  const lateFrames: { captureMs: number; byMs: number }[] = [];
  let frames = 0;
  let lateVoice = 0;
  const [result] = simulate({
    seconds: SECONDS,
    tuning,
    uplink: () => way,
    viewers: [
      {
        down: () => way,
        conversesMs: CONVERSES_MS,
        reportMs: () => schedule.marginMs,
        onUnit: ({ voice, sequence, captureMs }, atMs) => {
          const kind = voice ? 'voice' : 'motion';
          const dueMs = captureMs + schedule.delayMs;
          const late = schedule.arrive(kind, { captureMs, receivedMs: atMs, sequence }) === undefined;
          if (captureMs < CONVERSES_MS) return;
          if (!voice) frames += 1;
          if (!late) return;
          if (voice) lateVoice += 1;
          else lateFrames.push({ captureMs, byMs: atMs - dueMs });
        },
      },
    ],
  });
  const after = result!.decisions.filter(({ atMs }) => atMs >= CONVERSES_MS);
  const holds = after.map(({ decision }) => decision.delivery.holdMs);
  return {
    frames,
    lateVoice,
    lateShare: lateFrames.length / frames,
    lateByMs: Math.max(0, ...lateFrames.map(({ byMs }) => byMs)),
    /** Late frames of the worst second. */
    worst: Math.max(0, ...lateFrames.map(({ captureMs: from }) => lateFrames.filter(within(from)).length)),
    last: after.at(-1)!.decision.delivery,
    wholeAfterMs: after[holds.indexOf(holds.at(-1)!)]!.atMs - CONVERSES_MS,
  };
}

describe('the end of a conversation', () => {
  const links: [Way, number][] = [
    [{ delayMs: 1, jitterMs: 0.4 }, 4],
    [{ delayMs: 5, jitterMs: 2 }, 3],
    [{ delayMs: 15, jitterMs: 4 }, 2],
  ];

  it.each(links)(
    'over links of %j ends in %i voice packets a datagram, and no frame is late by a refresh',
    (way, voice) => {
      const seen = conversationEnds(way);
      expect(seen.last).toMatchObject({ voice, repair: 'none' });
      expect(seen.frames).toBeGreaterThan(1100);
      expect(seen.lateVoice).toBe(0);
      expect(seen.lateByMs).toBeLessThan(REFRESH_MS);
      expect(seen.worst).toBeLessThanOrEqual(1);
      expect(seen.lateShare).toBeLessThan(0.003);
      expect(seen.wholeAfterMs).toBeLessThan(12_000);
    },
  );

  it.each(links)('control: over links of %j all at once is late by more', (way) => {
    const seen = conversationEnds(way, { ...TUNING, holdStepMs: 100 });
    expect(seen.lateByMs).toBeGreaterThan(1.2 * REFRESH_MS);
    expect(seen.wholeAfterMs).toBeLessThan(1000);
  });

  it('control: in steps over what a playout keeps free a frame of each is late', () => {
    const seen = conversationEnds({ delayMs: 1, jitterMs: 0.4 }, { ...TUNING, holdStepMs: TUNING.holdStepMs + 2 });
    expect(seen.worst).toBeGreaterThan(1);
    expect(seen.lateShare).toBeGreaterThan(0.005);
  });
});
