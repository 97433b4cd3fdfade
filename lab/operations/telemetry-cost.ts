import { Metrics } from '../../relay/telemetry/metrics.ts';
import { readMetrics } from '../lib/metrics.ts';
import { cpuUs } from '../lib/proc.ts';

/** CPU ms of a relay for one scrape of its metrics: of many in a row, less what it takes by itself. */
export async function scrapeCostMs(metrics: string, pid: number, scrapes: number): Promise<number> {
  const spent = async (work: () => Promise<unknown>) => {
    const [beganMs, before] = [performance.now(), cpuUs(pid)];
    await work();
    return { us: cpuUs(pid) - before, ms: performance.now() - beganMs };
  };
  const asked = await spent(async () => {
    for (let n = 0; n < scrapes; n++) await readMetrics(metrics);
  });
  const alone = await spent(() => new Promise((resolve) => setTimeout(resolve, 5000)));
  return (asked.us - (alone.us * asked.ms) / alone.ms) / 1000 / scrapes;
}

/** CPU us of one viewer's report in the histograms, of 3000 viewers of all kinds. */
export async function reportCostUs(reports: number): Promise<number> {
  const metrics = new Metrics(() => Promise.reject(new Error('never read')));
  const viewers = Array.from({ length: 3000 }, () => ({}));
  const kinds = { browser: ['chromium', 'firefox', 'safari'], network: ['wifi', 'cellular', undefined] };
  const run = (count: number) => {
    for (let n = 0; n < count; n++) {
      const at = n % viewers.length;
      const round = Math.floor(n / viewers.length);
      const kind = { browser: kinds.browser[at % 3]!, network: kinds.network[(at >> 2) % 3] ?? 'unknown' };
      const report = { t: 'report', marginMs: 5, lagP99Ms: 40 + (n % 97), lost: round, stalls: round >> 3 } as const;
      metrics.viewers.take(viewers[at]!, { ...report, ...kind }, round * 1000);
    }
  };
  // The first ones compile.
  run(reports / 10);
  const before = process.cpuUsage();
  run(reports);
  const { user, system } = process.cpuUsage(before);
  await metrics.close();
  return (user + system) / reports;
}
