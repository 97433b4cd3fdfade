import { comparable, giftCostUs, type Round, traceCost } from '../../operations/trace-cost.ts';
import { type Judged, tracedGifts } from '../../operations/traced-gifts.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const MOST_PERCENT = 2;
/** Of each of the two relays that are compared. */
const COST = {
  ...{ viewers: 500, giftsPerSecond: 1, joinsPerSecond: 2, metricsSeconds: 30 },
  ...{ warmUpSeconds: 20, seconds: 30, rounds: 4 },
};

async function run({ log, only }: ClaimContext) {
  const checks = new Checks();
  const wanted = (part: string) => only.length === 0 || only.some((each) => part.includes(each));
  if (wanted('gifts')) await gifts(checks, log);
  if (wanted('cost')) await cost(checks, log);
  return checks.outcome();
}

async function gifts(checks: Checks, log: (text: string) => void): Promise<void> {
  const result = await tracedGifts(log);
  const { near, far, killed, stripped, untraced } = result;
  log(`\n${result.picture}\n`);
  checks.figure('a gift given in us, taken in jp', result.picture.split('\n'));
  checks.figure('a gift given and taken in jp', near.by);
  whole(checks, 'near', near, [
    'gift.submit by jp-1',
    'gift.show by jp-1',
    'gift.show by us-1',
    'app.book_gift by backend',
  ]);
  whole(checks, 'far', far, [
    'gift.forward by us-1',
    'gift.show by jp-1',
    'gift.show by us-1',
    'app.book_gift by backend',
  ]);
  checks.check(
    far.by.some((each) => /^gift\.commit by jp-/.test(each)),
    'far: no relay of jp committed it',
  );
  for (const [relay, right] of Object.entries(result.viewers)) {
    checks.check(right, `the viewer at ${relay} was not shown the gift, or before its relay says so`);
  }
  checks.check(result.collected, 'the collector did not get what the file has');
  checks.figure('names of metrics by OTLP', result.metrics);
  for (const [relay, names] of Object.entries(result.metrics)) {
    checks.check(names > 50, `the collector has ${names} metrics of ${relay}`);
  }
  checks.figure('control: traceparent taken off on the way', stripped.faults);
  checks.check(stripped.faults.length > 0, 'control: a trace is whole without the header');
  checks.figure('control: a relay without traces', untraced);
  checks.check(untraced.length > 0, 'control: a trace is whole without the relay that took the gift');
  checks.figure('relay killed after the answer', killed);
  checks.check(killed.delivered === killed.acked, `${killed.acked - killed.delivered} gifts were not delivered`);
  checks.check(!killed.by.includes('jp-1'), 'the killed relay delivered');
  checks.check(killed.inTheirTrace === killed.acked, 'a delivery by another relay is in another trace');
  // What a dying relay had not written is gone; all else must be right.
  const others = killed.faults.filter((fault) => !/without its parent|0 first spans/.test(fault));
  checks.check(others.length === 0, `after the kill: ${others.join(', ')}`);
}

function whole(checks: Checks, name: string, { faults, by }: Judged, needed: string[]): void {
  checks.check(faults.length === 0, `${name}: ${faults.join(', ')}`);
  for (const each of needed) checks.check(by.includes(each), `${name}: no ${each}`);
}

async function cost(checks: Checks, log: (text: string) => void): Promise<void> {
  const giftUs = await giftCostUs(2000);
  checks.figure('us of CPU a gift of five spans', round(giftUs));
  log(`a gift's five spans take ${giftUs.toFixed(0)} us; now two relays at once, ${COST.viewers} viewers each`);
  const { rounds, same, spans, metrics } = await traceCost(COST, log);
  checks.figure('load of each relay', COST);
  checks.figure('rounds', rounds);
  checks.figure('control: rounds of two relays without', same);
  checks.figure('spans', spans);
  checks.check(spans > 0 && metrics > 0, 'nothing was exported, so nothing was measured');
  const [more, noise] = [percents(rounds), percents(same)];
  checks.check(
    2 * more.length >= rounds.length,
    `in ${rounds.length - more.length} rounds the relays did not do the same`,
  );
  checks.figure('telemetry costs, percent of the relay’s CPU', { mean: round(mean(more)), rounds: more.map(round) });
  checks.figure('two relays without differ by, percent', { mean: round(mean(noise)), rounds: noise.map(round) });
  checks.check(
    mean(more) < MOST_PERCENT,
    `telemetry costs ${round(mean(more))} % of CPU (limit ${MOST_PERCENT}); two relays without it differ by ${round(mean(noise))} %`,
  );
}

/** Of rounds in which both did the same. */
const percents = (rounds: readonly Round[]) =>
  rounds.filter(comparable).map(({ without, with: other }) => 100 * (other.cpuMs / without.cpuMs - 1));
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const round = (value: number) => Number(value.toFixed(2));

export const traced: Claim = {
  id: 'operations.4',
  title:
    'a gift’s trace over two relays of two regions, the webhook and the backend, whole, in a file and at a collector; still one trace when its relay is killed after the answer; broken where the header is taken off; telemetry takes less than 2 % more CPU',
  seconds: 600,
  run,
};
