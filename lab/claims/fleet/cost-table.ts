import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlanInput } from '@hayate/fleet';
import { hayate, root } from '../../lib/processes.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import type { Exchange } from './shape.ts';

const RESULTS = join(root, 'lab', 'results', 'claims');
const RECORDED = join(root, '..', 'shared', 'data', 'linode', 'recorded.jsonl');
const TERABYTES = 300;

interface Row {
  bundled: boolean;
  dtx: boolean;
  machine: string;
  egressDollarsAGb: number;
  terabytes: number;
  machineHours: number;
  machineDollars: number;
  egressDollars: number;
  dollarsAMonth: number;
}
interface Plan {
  viewerHours: number;
  inputs: PlanInput[];
  rows: Row[];
}

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  // A folder without results: what is printed comes from what ships.
  const dir = mkdtempSync(join(tmpdir(), 'hayate-plan-'));
  try {
    const plan = await planned(dir, { terabytes: TERABYTES });
    checks.figure('viewer-hours that 300 TB are, unbundled and without DTX', Math.round(plan.viewerHours));
    for (const row of plan.rows) checks.figure(nameOf(row), figuresOf(row));
    checkTable(checks, plan);
    checkTraces(checks, plan.inputs);
    log('control: another evening changes no dollar');
    const other = await planned(dir, { terabytes: TERABYTES, peakByMean: 6 });
    const dollars = ({ rows }: Plan) => JSON.stringify(rows.map(({ dollarsAMonth }) => dollarsAMonth));
    checks.check(dollars(other) === dollars(plan), 'the evening, which nobody measured, changes dollars');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return checks.outcome();
}

async function planned(dir: string, traffic: object): Promise<Plan> {
  writeFileSync(join(dir, 'traffic.json'), JSON.stringify(traffic));
  const command = hayate(['fleet', 'plan', '--traffic', 'traffic.json', '--json'], { cwd: dir });
  if ((await command.exited) !== 0) throw new Error(command.stderr.join('\n'));
  return JSON.parse(command.stdout.join('\n')) as Plan;
}

const nameOf = ({ bundled, dtx, machine, egressDollarsAGb }: Row) =>
  `${bundled ? 'bundled' : 'unbundled'}, ${dtx ? 'DTX' : 'no DTX'}, ${machine}, $${egressDollarsAGb} a GB`;

const figuresOf = ({ terabytes, machineDollars, egressDollars, dollarsAMonth }: Row) => ({
  terabytes: Math.round(terabytes * 10) / 10,
  dollars_of_machines: Math.round(machineDollars),
  dollars_of_egress: Math.round(egressDollars),
  dollars_a_month: Math.round(dollarsAMonth),
});

/** Of the table itself: which rows there are, and what follows from the inputs without the plan's own code. */
function checkTable(checks: Checks, { rows, inputs, viewerHours }: Plan): void {
  const inputOf = (what: string, unit: string) =>
    inputs.find((each) => each.what === what && each.unit === unit)!.value;
  const ways = new Set(rows.map(({ bundled, dtx }) => `${bundled} ${dtx}`));
  const prices = [...new Set(rows.map(({ egressDollarsAGb }) => egressDollarsAGb))];
  checks.check(ways.size === 4, `${ways.size} of four ways of sending`);
  checks.check(prices.join() === '0.005,0.09', `prices of egress are ${prices.join()}`);
  for (const row of rows) {
    const name = nameOf(row);
    const sent = `5 ms: ${row.bundled ? 'hayate' : 'unbundled'}${row.dtx ? ', half of the voice DTX' : ''}`;
    const terabytes = (viewerHours * 3600 * inputOf(sent, 'B/s a viewer')) / 1e12;
    checks.check(near(row.terabytes, terabytes), `${name}: ${row.terabytes} TB, not ${terabytes}`);
    const pooled = row.egressDollarsAGb === 0.005;
    const pool = (row.machineHours * inputOf(row.machine, 'GB of transfer a month')) / 730;
    const egress = Math.max(0, terabytes * 1000 - (pooled ? pool : 0)) * row.egressDollarsAGb;
    checks.check(near(row.egressDollars, egress), `${name}: egress ${row.egressDollars} $, not ${egress}`);
    const machines = row.machineHours * inputOf(row.machine, '$ an hour');
    checks.check(near(row.dollarsAMonth, machines + egress), `${name}: ${row.dollarsAMonth} $, not the sum`);
  }
  const plain = rows.find(({ bundled, dtx }) => !bundled && !dtx)!;
  checks.check(near(plain.terabytes, TERABYTES), `unbundled without DTX are ${plain.terabytes} TB, not ${TERABYTES}`);
}

const near = (value: number, other: number) => Math.abs(value - other) <= 1e-9 * Math.max(1, Math.abs(other));

/** Each number by where it says that it is from; then each of them changed, which has to be noticed. */
function checkTraces(checks: Checks, inputs: readonly PlanInput[]): void {
  const recorded = existsSync(RECORDED)
    ? readFileSync(RECORDED, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Exchange)
    : undefined;
  let noticed = 0;
  let traced = 0;
  for (const input of inputs) {
    const name = `${input.what}, ${input.unit}`;
    if ('chosen' in input.from) {
      checks.figure(`input: ${name}`, { value: input.value, not_measured: input.from.chosen });
      continue;
    }
    const source = sourceOf(input, recorded);
    if ('skip' in source) {
      checks.skip(`${name}: ${source.skip}`);
      continue;
    }
    traced += 1;
    checks.figure(`input: ${name}`, { value: input.value, from: source.text });
    const fault = faultOf(input, source);
    checks.check(fault === undefined, `${name}: ${fault}`);
    if (faultOf({ ...input, value: input.value * 1.001 }, source) !== undefined) noticed += 1;
  }
  checks.figure('numbers traced to a result or a recorded answer', traced);
  checks.figure('control: of these, changed by a thousandth and noticed', noticed);
  checks.check(traced > 0 && noticed === traced, `control: ${traced - noticed} of ${traced} changed numbers pass`);
}

interface Source {
  text: string;
  values: unknown[];
  /** Of the run whose result it is. */
  run?: { at: string; commit: string };
}

function sourceOf({ from }: PlanInput, recorded: readonly Exchange[] | undefined): Source | { skip: string } {
  if ('claim' in from) {
    const file = join(RESULTS, `${from.claim}.json`);
    if (!existsSync(file)) return { text: `claim ${from.claim}, which has no result`, values: [undefined] };
    const result = JSON.parse(readFileSync(file, 'utf8')) as { at: string; commit: string; figures: unknown };
    const text = `claim ${from.claim}, ${from.key.join(', ')}, ${result.at}, commit ${result.commit}`;
    return { text, values: [from.key.reduce(memberOf, result.figures)], run: result };
  }
  if (!('linode' in from)) return { skip: 'nobody measured it' };
  if (!recorded) return { skip: 'no recordings: ../shared/data/linode is not beside this checkout' };
  const [, list, id] = /^(.*)\/([^/]+)$/.exec(from.linode)!;
  const items = recorded
    .filter(
      ({ method, path, status }) => method === 'GET' && status === 200 && path.replace(/^\/v4(beta)?/, '') === list,
    )
    .flatMap(({ res }) => (res as { data: { id: string }[] }).data.filter((each) => each.id === id));
  const values = items.map((item) => from.field.split('.').reduce(memberOf, item as unknown));
  return { text: `${values.length} recorded answers of ${list}, ${id} ${from.field}`, values };
}

const memberOf = (value: unknown, key: string): unknown => (value as Record<string, unknown> | undefined)?.[key];

function faultOf({ value, from }: PlanInput, { values, run }: Source): string | undefined {
  if (values.length === 0) return 'nothing like it was recorded';
  const other = values.find((each) => each !== value);
  if (other !== undefined || values.includes(undefined)) return `${value}, its source says ${JSON.stringify(other)}`;
  if (run && 'claim' in from && (run.at !== from.at || run.commit !== from.commit))
    return `of ${from.at} ${from.commit}, the result is of ${run.at} ${run.commit}`;
  return undefined;
}

export const costTable: Claim = {
  id: 'fleet.4',
  title:
    'What 300 TB a month cost, with and without bundling and DTX, at $0.005 and at $0.09 a GB; each number traced to the result or recorded answer that it is from',
  seconds: 5,
  run,
};
