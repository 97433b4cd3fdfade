import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { LedgerStats } from '../ledger/index.ts';
import type { SenderStats } from '../webhook/sender.ts';
import type { Counters } from './counters.ts';

export interface GiftGauges {
  ledger: LedgerStats;
  ledgerUp: boolean;
  /** Undefined where no webhook is configured. */
  delivery: SenderStats | undefined;
  /** Undefined for a relay alone. */
  region: RegionGauges | undefined;
}

/** Of the region's ledger, which is in NATS. */
interface RegionGauges {
  /** NATS answers. */
  reached: boolean;
  /** Gifts that this disk has and the region's ledger has not, a hundred for any more; undefined: not known now. */
  held: number | undefined;
}

/** Metrics of gifts, their ledger and their way to the backend; only what was refused where none are taken. */
export function giftMetrics(meter: Meter) {
  const gauge = (name: string, description: string) => meter.createObservableGauge(`hayate_${name}`, { description });
  const counter = (name: string, description: string) =>
    meter.createObservableCounter(`hayate_${name}`, { description });
  const gifts = counter('gifts', 'Gifts answered: new ones, and repeats of a `jti`.');
  const up = gauge('ledger_up', '1 while the ledger of gifts answers, 0 once it has failed.');
  const waiting = gauge('ledger_waiting', 'Calls that wait for the disk.');
  const records = counter('ledger_records', 'Records written by this process.');
  const repeats = counter('ledger_repeats', 'Calls answered with the first answer to the same `jti`.');
  const commits = counter('ledger_commits', 'Transactions, each with one fsync.');
  const overloaded = counter('ledger_overloaded', 'Calls refused because too many waited.');
  const reached = gauge('gifts_region_up', '0 while NATS does not answer: gifts wait on the disks of two relays.');
  const held = gauge('gifts_held', "Gifts on this disk that the region's ledger does not have; 100 are 100 or more.");
  const deliveries = counter('gift_deliveries', 'Attempts to deliver a record to the backend, by what became of it.');
  const attempts = counter('gift_attempts', 'The same attempts by HTTP status, timeout or connection.');
  const oldest = gauge('gift_oldest_waiting_seconds', 'Age of the oldest record that the backend has not taken.');
  const backendUp = gauge('gift_backend_up', '0 while the whole backend fails.');
  const ofLedger = [gifts, up, waiting, records, repeats, commits, overloaded, reached, held];
  const instruments: Observable[] = [...ofLedger, deliveries, attempts, oldest, backendUp];
  return {
    instruments,
    observe(result: BatchObservableResult, counters: Counters, gauges: GiftGauges | undefined): void {
      for (const [what, n] of counters.get('gifts')) result.observe(gifts, n, { result: what });
      if (!gauges) return;
      const { ledger, ledgerUp, delivery, region } = gauges;
      result.observe(up, Number(ledgerUp));
      result.observe(waiting, ledger.waiting);
      result.observe(records, ledger.records);
      result.observe(repeats, ledger.repeats);
      result.observe(commits, ledger.commits);
      result.observe(overloaded, ledger.overloaded);
      if (region) result.observe(reached, Number(region.reached));
      if (region?.held !== undefined) result.observe(held, region.held);
      if (!delivery) return;
      // Zero before the first one: an alert on dead letters must not wait for the label to appear.
      const ended = counters.get('gift_deliveries');
      for (const outcome of ['delivered', 'retry', 'dead']) {
        result.observe(deliveries, ended.get(outcome) ?? 0, { outcome });
      }
      for (const [answer, n] of counters.get('gift_attempts')) result.observe(attempts, n, { answer });
      result.observe(oldest, delivery.oldestMs / 1000);
      result.observe(backendUp, Number(delivery.available));
    },
  };
}
