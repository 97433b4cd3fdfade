import { handshakeFlood } from '../../bench/handshake-flood.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { committedFuzz, someFuzz } from './fuzzing.ts';

const PER_MINUTE = 100_000;
const GROWTH_MS = 20;
/** Of a first datagram, at least (RFC 9000, section 14.1). */
const FIRST_BYTES = 1200;
/** So many the relay takes unvalidated (`limits.retryAbove`), for 5 s each. */
const HALF_OPEN = 512;

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  const options = { viewers: 500, perMinute: PER_MINUTE, addresses: 200, seconds: 20 };
  const result = await handshakeFlood(options, log);
  for (const [name, value] of Object.entries(result)) checks.figure(name, value);
  const { lag_p99_growth_ms: growth, flood, flooded, joins, handshakes } = result;
  checks.check(growth <= GROWTH_MS, `lag p99 grew by ${growth} ms (limit ${GROWTH_MS})`);
  checks.check(flooded.delivered_ratio > 0.999, `viewers got ${flooded.delivered_ratio} of the media meanwhile`);
  checks.check(flood.per_minute >= 0.95 * PER_MINUTE, `only ${flood.per_minute} handshakes a minute were begun`);
  checks.check(
    result.udp_bytes_in >= FIRST_BYTES * flood.sent,
    `the relay took in ${result.udp_bytes_in} bytes for ${flood.sent} handshakes: the flood did not reach it`,
  );
  const timedOut = handshakes['timed_out'] ?? 0;
  checks.check(timedOut >= HALF_OPEN, `only ${timedOut} handshakes timed out: they were not taken for handshakes`);
  checks.check(joins.joined >= 0.99 * joins.started, `${joins.failed} of ${joins.started} newcomers were not let in`);
  committedFuzz(checks);
  await someFuzz(checks, log);
  return checks.outcome();
}

export const floods: Claim = {
  id: 'operations.2',
  title:
    '100 000 handshakes a minute that nobody goes on with, from 200 addresses, while 500 viewers watch: lag p99 grows at most 20 ms, newcomers are let in; 20 million inputs, led by coverage, at every parser and the live listener: no crash (the committed run of `npm run fuzz`, and some again)',
  seconds: 240,
  run,
};
