// npm run lab -- day --json
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { root } from '../lib/processes.ts';
import { report } from '../lib/report.ts';
import { day } from './day.ts';
import { assumptions, figuresOf } from './figures.ts';
import { dayInput } from './input.ts';
import { monthForecast } from './month.ts';
import { FAULTS, START_MS } from './plan.ts';
import { plot } from './plot.ts';

const options = new Command('lab day')
  .description('A day in simulated time: the real fleet code on a fake of the Linode API.')
  .option('--seed <n>', 'of the load and of all that goes wrong', Number, 1)
  .option('--plot <file>', 'SVG of the day', join(root, 'lab', 'results', 'day', 'day.svg'))
  .option('--json', 'one JSON object')
  .option('--save', 'keep the result in lab/results/day')
  .parse()
  .opts<{ seed: number; plot: string; json?: boolean; save?: boolean }>();

const { seed } = options;
const save = options.save ? { folder: 'day', name: `day-${seed}` } : undefined;
await report({ command: `npm run lab -- day --seed ${seed}`, json: options.json, save }, async () => {
  process.stderr.write('the day\n');
  const result = await day(dayInput(seed), { seed });
  const { fromMs, forMs, zone } = FAULTS.outage;
  const hour = (ms: number) => (ms - START_MS) / 3_600_000;
  const svg = plot(result.samples, [{ fromHour: hour(fromMs), toHour: hour(fromMs + forMs), text: `${zone} is dark` }]);
  const file = resolve(options.plot);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, svg);
  process.stderr.write(`plot: ${file}\n`);
  // A point each ten minutes.
  const samples = result.samples.filter((_, n) => n % 10 === 0);
  return { ...figuresOf(result), month: monthForecast(seed), assumptions, samples };
});
