import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineAvailable } from '@hayate/engine';
import { panelQueries } from '../../../infra/grafana/queries.ts';
import { readMetrics } from '../../lib/metrics.ts';
import { root } from '../../lib/processes.ts';
import { noNetworks, openNetwork, type RelayNetwork } from '../../operations/network.ts';
import { type Alert, Prometheus, RULES } from '../../operations/prometheus.ts';
import { reportCostUs, scrapeCostMs } from '../../operations/telemetry-cost.ts';
import { bursts, METRICS_PORT, startWatched, type WatchedRelay } from '../../operations/watched-relay.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { SCRIPTS, startTest } from '../loadtest/relay-and-script.ts';

/** Of the rules' rates, and of `$__rate_interval`. */
const WINDOW = '10s';
const LOAD_SECONDS = 30;
/** Smaller than a burst, and enough for a handshake. */
const SMALL_BUFFER_BYTES = 8192;
const BURST = 400;
const FIRES_MS = 45_000;
const LABELS = { relay: 'watched', region: 'lab' };
/** The issue's: what all of it may take of a core. */
const MOST_PERCENT = 2;
const VIEWERS = 3000;
/** As infra/terraform sets it. */
const SCRAPE_SECONDS = 15;

const of = (metric: string) => `sum(${metric})`;
const named = (alerts: readonly Alert[]) => alerts.map(({ labels }) => labels['alertname']).sort();

/** The rules and their tests, as they are. */
function promtool(checks: Checks): void {
  const folder = join(root, 'infra/prometheus');
  const tests = ['hayate.rules.test.yml', 'hayate.objective.test.yml'].map((name) => join(folder, name));
  for (const args of [
    ['check', 'rules', RULES],
    ['test', 'rules', ...tests],
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
    checks.check(status === 0, `promtool ${args[0]}: ${stdout}${stderr}`);
    checks.figure(`promtool ${args.slice(0, 2).join(' ')}`, `exit ${status}`);
  }
}

/** Every query of every dashboard, until each that has to has answered or the load is over. */
async function panels(checks: Checks, prometheus: Prometheus, untilMs: number): Promise<void> {
  const queries = panelQueries(WINDOW);
  const answered = new Set<string>();
  const broken = new Map<string, string>();
  for (;;) {
    for (const { expr } of queries.filter((query) => !answered.has(query.expr))) {
      try {
        if ((await prometheus.query(expr)).length > 0) answered.add(expr);
      } catch (error) {
        broken.set(expr, (error as Error).message);
      }
    }
    const missing = queries.filter(({ expr, silent }) => silent === undefined && !answered.has(expr));
    if (missing.length === 0 || performance.now() > untilMs) break;
    await sleep(1000);
  }
  const silent = queries.filter(({ expr }) => !answered.has(expr));
  const where = ({ dashboard, panel, expr }: (typeof queries)[number]) => `${dashboard}, ${panel}: ${expr}`;
  checks.figure('queries of the dashboards', { all: queries.length, with_data: queries.length - silent.length });
  const reasons = Object.entries(Object.groupBy(silent, (query) => query.silent ?? 'no reason'));
  checks.figure('without data, by reason', Object.fromEntries(reasons.map(([reason, list]) => [reason, list!.length])));
  for (const [expr, why] of broken) checks.check(false, `${expr}: ${why}`);
  for (const query of silent) checks.check(query.silent !== undefined, `no data: ${where(query)}`);
}

interface Stage {
  checks: Checks;
  network: RelayNetwork;
  relay: WatchedRelay;
  prometheus: Prometheus;
}

/** What a fault moves and fires. */
async function fault(
  { checks, prometheus }: Stage,
  { name, counter, alert }: { name: string; counter: string; alert: string },
  during: () => Promise<void>,
): Promise<void> {
  const before = await prometheus.value(of(counter));
  const ended = during();
  const fired = await prometheus.fires(alert, FIRES_MS);
  const moved = (await prometheus.value(of(counter))) - before;
  await ended;
  const runbook = fired?.annotations['runbook'] ?? 'none';
  checks.figure(name, { [counter]: moved, fires: fired?.labels['alertname'] ?? 'nothing', runbook });
  checks.check(moved > 0, `${name}: ${counter} did not move`);
  checks.check(fired !== undefined, `${name}: ${alert} did not fire within ${FIRES_MS / 1000} s`);
  checks.check(/^docs\/runbooks\.md#./.test(runbook), `${name}: the alert names no run-book`);
}

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  const engine = engineAvailable();
  const there = ['prometheus', 'promtool'].every((command) => spawnSync(command, ['--version']).status === 0);
  const missing = !engine.ok ? engine.reason : there ? noNetworks() : 'no prometheus on the PATH';
  if (missing !== undefined) {
    checks.skip(`all: ${missing}`);
    return checks.outcome();
  }
  promtool(checks);
  const network = openNetwork();
  const closing: (() => unknown)[] = [() => network.close()];
  try {
    const prometheus = await Prometheus.start(`${network.watched}:${METRICS_PORT}`, LABELS, WINDOW);
    closing.push(() => prometheus.stop());
    let relay = await startWatched(network);
    closing.push(() => relay.stop());
    const stage = (): Stage => ({ checks, network, relay, prometheus });
    const smoke = (seconds: number) =>
      startTest(join(SCRIPTS, 'smoke.ts'), relay.stateDir, { SECONDS: String(seconds) });
    const flood = () => bursts({ host: network.media, port: relay.port }, BURST, 8);

    log(`load for ${LOAD_SECONDS} s, all panels`);
    const load = smoke(LOAD_SECONDS);
    await panels(checks, prometheus, performance.now() + (LOAD_SECONDS - 2) * 1000);
    log('control: the same bursts into an ordinary buffer');
    const drops = of('hayate_udp_socket_drops_total');
    const before = await prometheus.value(drops);
    await flood();
    await sleep(2000);
    const calm = { drops: (await prometheus.value(drops)) - before, fires: named(await prometheus.firing()) };
    checks.figure('control: load and bursts without a fault', calm);
    checks.check(calm.drops === 0, `control: ${calm.drops} datagrams dropped without a fault`);
    const faults = ['HayateSocketBufferOverflows', 'HayateRouteLost'];
    for (const name of faults) checks.check(!calm.fires.includes(name), `control: ${name} fires without a fault`);
    const ran = await load.ended;
    checks.figure('load', { exit: ran.code, motion_lag_ms: ran.metrics['motion_lag']?.['p(99)'] });

    log('what it costs');
    const scrapeMs = await scrapeCostMs(relay.metrics, relay.pid, 100);
    const reportUs = await reportCostUs(300_000);
    const percent = { scrapes: scrapeMs / 10 / SCRAPE_SECONDS, reports: (reportUs * VIEWERS) / 1e4 };
    checks.figure('time series of a relay', (await readMetrics(relay.metrics)).length);
    checks.figure('cpu', {
      scrape_ms: Number(scrapeMs.toFixed(2)),
      report_us: Number(reportUs.toFixed(2)),
      [`percent_of_a_core_with_a_scrape_each_${SCRAPE_SECONDS}_s_and_${VIEWERS}_viewers_that_report_each_second`]:
        Number((percent.scrapes + percent.reports).toFixed(2)),
    });
    checks.check(percent.scrapes + percent.reports < MOST_PERCENT, `metrics take over ${MOST_PERCENT} % of a core`);

    log('the route to the viewers is gone');
    const cut = smoke(15);
    await sleep(5000);
    const route = { name: 'the route is gone', counter: 'hayate_udp_send_errors_total', alert: 'HayateRouteLost' };
    await fault(stage(), route, async () => {
      network.block();
      await sleep(8000);
      network.unblock();
    });
    await cut.ended;

    log('a small socket buffer, and the same bursts');
    await relay.stop();
    relay = await startWatched(network, SMALL_BUFFER_BYTES);
    await sleep(3000);
    const small = {
      name: `a buffer of ${SMALL_BUFFER_BYTES} bytes`,
      counter: 'hayate_udp_socket_drops_total',
      alert: 'HayateSocketBufferOverflows',
    };
    await fault(stage(), small, flood);
  } finally {
    for (const close of closing.reverse()) await close();
  }
  return checks.outcome();
}

export const observed: Claim = {
  id: 'operations.3',
  title:
    'Debian’s Prometheus over a relay under load: every panel of every dashboard answers, rules and their tests pass; a small socket buffer and a lost route move their counters and fire alerts that name their run-book, and without them none fires; metrics take less than 2 % of a core',
  seconds: 120,
  run,
};
