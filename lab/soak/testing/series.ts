import { Random } from '../../faults/random.ts';
import type { SoakEvidence } from '../result.ts';
import { GAUGES, type Sample } from '../sampler.ts';

interface SeriesOptions {
  minutes?: number;
  intervalS?: number;
  /** Sets what is to be other than in a relay that is well. @param hours since the begin */
  change?: (sample: Sample, hours: number, random: Random) => void;
}

const COLLECT_EACH = 6;

/** Samples as of a run on a quiet machine in which nothing grows, with the noise of visitors who come and go. */
export function series({ minutes = 120, intervalS = 10, change }: SeriesOptions = {}): Sample[] {
  const random = new Random(1);
  const about = (value: number, noise: number) => value + noise * random.next();
  return Array.from({ length: (minutes * 60) / intervalS }, (_, n) => {
    const second = Math.round((n + 1) * intervalS);
    const collected = (n + 1) % COLLECT_EACH === 0;
    const gauges = Object.fromEntries(Object.keys(GAUGES).map((name) => [name, Math.round(about(90, 20))]));
    const sample: Sample = {
      ...(gauges as Pick<Sample, keyof typeof GAUGES>),
      second,
      rss_mb: about(260, 10),
      heap_mb: collected ? about(48, 3) : null,
      external_mb: collected ? about(32, 1) : null,
      resources: collected ? Math.round(about(14, 8)) : null,
      fds: Math.round(about(52, 8)),
      threads: 14,
      relay_cpu: about(0.15, 0.05),
      clients_cpu: about(0.15, 0.05),
      lag_p50_ms: about(7, 1),
      lag_p99_ms: about(12, 6),
      host_late_ms: about(0, 20),
      no_core_ms: about(50, 100),
      timers: Math.round(about(300, 80)),
    };
    change?.(sample, second / 3600, random);
    return sample;
  });
}

/** Of a run that went well, but for what is said. */
export function evidence(samples: Sample[] = series(), end: Partial<SoakEvidence['end']> = {}): SoakEvidence {
  return {
    minutes: 120,
    interval_s: 10,
    load: { visits: 32_400, refused: 0, lost: 0, killed: 1560 },
    gifts: { lost: 0, doubled: 0, reordered: 0, webhook_missing: 0, given: 7440, acked: 7440, refused: {}, forged: 0 },
    end: {
      standing: {},
      idle: { connections: 2, engine_sessions: 2 },
      zero_after_s: 21.5,
      fds: { before: 50, after: 51 },
      resources: { before: { TCPServerWrap: 4 }, after: { TCPServerWrap: 4 } },
      heap_mb: { before: 45, after: 46 },
      exit_code: 0,
      ...end,
    },
    samples,
  };
}
