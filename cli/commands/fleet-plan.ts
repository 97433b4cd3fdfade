import { type PlanInput, planBasis, planCosts, readTraffic, viewerHoursOf } from '@hayate/fleet';
import { Command } from 'commander';
import { plain, printJson } from '../gifts-ledger.ts';

interface PlanOptions {
  traffic: string;
  measured?: string;
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
    .option('--measured <file>', 'result of claim lag.1; by default the figures that this release was made with')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nMore keys: peakByMean, machineHoursByLoad, egressDollarsAGb, machines (docs/fleet.md).')
    .action(({ traffic: file, measured: of, json }: PlanOptions) => {
      const traffic = readTraffic(file);
      const { measured, machineHoursByLoad, inputs } = planBasis(traffic, of);
      const viewerHours = viewerHoursOf(traffic, measured);
      const rows = planCosts(traffic, measured, machineHoursByLoad);
      if (json) return printJson({ viewerHours, traffic, inputs, rows });
      for (const input of inputs) process.stdout.write(`${lineOf(input)}\n`);
      process.stdout.write(`${Math.round(viewerHours)} viewer-hours a month\n`);
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

function lineOf({ what, unit, value, from }: PlanInput): string {
  return `${plain(what)}\t${value}\t${unit}\t${originOf(from)}`;
}

function originOf(from: PlanInput['from']): string {
  if ('chosen' in from) return `not measured: ${from.chosen}`;
  if ('linode' in from) return `Linode's API, ${from.linode} ${from.field}`;
  const { claim, key, at, commit, passed } = from;
  const short = passed ? '' : ' (falls short of its targets)';
  return `claim ${claim}, ${plain(key.join(', '))}, ${plain(at.slice(0, 10))}, commit ${plain(commit)}${short}`;
}
