import { planCosts, readMeasured, readTraffic, viewerHoursOf } from '@hayate/fleet';
import { Command } from 'commander';
import { plain, printJson } from '../gifts-ledger.ts';

interface PlanOptions {
  traffic: string;
  measured: string;
  json?: true;
}

const COLUMNS = [
  'bundled',
  'DTX',
  'machine',
  '$ a GB',
  'TB',
  'relays at peak',
  '$ machines',
  '$ egress',
  '$ a month',
  '$ 1000 viewer-hours',
];

export function fleetPlanCommand(): Command {
  return new Command('plan')
    .description('What a month of a traffic costs: with and without bundling and DTX, by machine and price of egress.')
    .requiredOption('--traffic <file>', 'JSON: {"terabytes": 300} without bundling and DTX, or {"viewerHours": ...}')
    .option(
      '--measured <file>',
      'result of claim lag.1, which each number comes from; by default that of the checkout',
      'lab/results/claims/lag.1.json',
    )
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nMore keys: peakByMean, machineHoursByLoad, egressDollarsAGb, machines (docs/fleet.md).')
    .action(({ traffic: file, measured: of, json }: PlanOptions) => {
      const traffic = readTraffic(file);
      const measured = readMeasured(of);
      const viewerHours = viewerHoursOf(traffic, measured);
      const rows = planCosts(traffic, measured);
      if (json) return printJson({ viewerHours, traffic, measured: { file: of, rows: measured }, rows });
      process.stdout.write(
        `${Math.round(viewerHours)} viewer-hours a month; bytes and CPU of a viewer from ${plain(of)}\n`,
      );
      process.stdout.write(`${COLUMNS.join('\t')}\n`);
      for (const row of rows) {
        const { bundled, dtx, machine, egressDollarsAGb, terabytes, relaysAtPeak } = row;
        const words = [
          bundled ? 'yes' : 'no',
          dtx ? 'yes' : 'no',
          plain(machine),
          egressDollarsAGb,
          terabytes.toFixed(1),
          relaysAtPeak,
        ];
        const dollars = [row.machineDollars, row.egressDollars, row.dollarsAMonth].map((each) => each.toFixed(0));
        process.stdout.write(`${[...words, ...dollars, row.dollarsA1000ViewerHours.toFixed(3)].join('\t')}\n`);
      }
    });
}
