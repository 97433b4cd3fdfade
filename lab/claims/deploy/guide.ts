import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faceCsv } from '../../lib/face-csv.ts';
import { hayate, root } from '../../lib/processes.ts';
import { Cluster } from '../../regions/cluster.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import type { Exchange } from '../fleet/shape.ts';
import { haveNats } from '../nats.ts';
import { Commands, commandsOf } from './guide-commands.ts';

const GUIDE = join(root, 'docs', 'deploy.md');
const RECORDED = join(root, '..', 'shared', 'data', 'linode', 'recorded.jsonl');
const OCEAN = { outMs: 65, backMs: 65, jitterMs: 2.5, loss: 0.005, burstMs: 15, seed: 1 };
const FRAMES = 600;
const SHOWN = 100;
const SHOWN_MS = 60_000;
/** Relays, and what stands beside them, where terraform.tfvars says nothing else. */
const [RELAY, OTHER, NATS] = ['g6-standard-2', 'g6-standard-1', 3];

/** What the guide says wrongly on purpose: each must be noticed. */
const FAULTS: Record<string, [from: string, to: string]> = {
  'a flag that is none': ['--key-file secrets', '--keyfile secrets'],
  'a command that is none': ['hayate fleet status', 'hayate fleet state'],
  'a script that is none': ['npm run release ', 'npm run releases '],
  'an output that is none': ['nats_servers)', 'nats_server)'],
  'another price': ['180 US dollars', '181 US dollars'],
};

interface Price {
  month: number;
  hour: number;
  transferGb: number;
}

async function faultsOf(
  guide: string,
  commands: Commands,
  prices: Record<string, Price> | undefined,
): Promise<string[]> {
  const faults: string[] = [];
  for (const command of commandsOf(guide)) {
    const fault = await commands.faultOf(command);
    if (fault !== undefined) faults.push(`${command}: ${fault}`);
  }
  return prices ? [...faults, ...costFaults(guide, prices)] : faults;
}

/** What a month costs by the machines that the guide's own settings make, and by recorded prices. */
function costFaults(guide: string, prices: Record<string, Price>): string[] {
  const { regions } = JSON.parse(/echo '(\{"regions".*?\})'/.exec(guide)![1]!) as {
    regions: Record<string, { relays: Record<string, number>; nats?: number }>;
  };
  const [, trial] = /A trial, `(\{.*?\})` likewise/.exec(guide)!;
  const sum = (of: { relays: Record<string, number>; nats?: number }[], what: keyof Price) => {
    const relays = of.flatMap((each) => Object.values(each.relays)).reduce((a, b) => a + b);
    const nats = of.map((each) => each.nats ?? NATS).reduce((a, b) => a + b);
    // And a control node.
    return relays * prices[RELAY]![what] + (nats + 1) * prices[OTHER]![what];
  };
  const whole = Object.values(regions);
  const small = whole.map(() => JSON.parse(trial!) as (typeof whole)[number]);
  const expected: [what: string, said: string | undefined, value: number][] = [
    ['dollars a month', /output monthly\s+# ([\d ]+) US dollars/.exec(guide)?.[1], sum(whole, 'month')],
    ['GB of transfer', /([\d ]+) GB of transfer in it/.exec(guide)?.[1], sum(whole, 'transferGb')],
    ['dollars of a trial', /is (\d+) US dollars a month, or/.exec(guide)?.[1], sum(small, 'month')],
    ['dollars of a trial an hour', /or ([\d.]+) an hour/.exec(guide)?.[1], sum(small, 'hour')],
  ];
  return expected.flatMap(([what, said, value]) =>
    Math.abs(Number(said?.replaceAll(' ', '')) - value) < 1e-9 ? [] : [`${what}: ${said}, by the prices ${value}`],
  );
}

/** Undefined where no recordings are. */
function recordedPrices(): Record<string, Price> | undefined {
  if (!existsSync(RECORDED)) return undefined;
  const exchanges = readFileSync(RECORDED, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Exchange);
  const lists = exchanges.filter(({ path, status }) => /^\/v4(beta)?\/linode\/types$/.test(path) && status === 200);
  type Type = { id: string; transfer: number; price: { monthly: number; hourly: number } };
  const types = lists.flatMap(({ res }) => (res as { data: Type[] }).data);
  return Object.fromEntries(
    types.map(({ id, transfer, price }) => [id, { month: price.monthly, hour: price.hourly, transferGb: transfer }]),
  );
}

/** The guide's commands of section 4, against two regions on this machine. @returns frames that each viewer was shown */
async function roomOf(guide: string, log: (text: string) => void): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-guide-'));
  const cluster = await Cluster.start({ relaysPerRegion: 1, natsServers: 1, ocean: OCEAN }, log);
  const began: { stop(signal?: NodeJS.Signals): Promise<number> }[] = [];
  try {
    const [near, far] = cluster.relays as [Cluster['relays'][0], Cluster['relays'][0]];
    writeFileSync(join(folder, 'recording.csv'), faceCsv(FRAMES, 30));
    const filled = (line: string) =>
      line
        .replaceAll('https://$ip2/v1', far.process.url)
        .replaceAll('$hash2', far.process.hashes[0]!)
        .replaceAll('https://$ip/v1', near.process.url)
        .replaceAll('$hash', near.process.hashes[0]!)
        .replaceAll('secrets/token.key', join(near.process.stateDir, 'token.key'));
    const lines = [...guide.matchAll(/^hayate (token|publish|watch) .*$/gm)].map(([line]) => filled(line));
    const of = (verb: string) => lines.filter((line) => line.startsWith(`hayate ${verb} `));
    const run = (line: string, at = near) => {
      const here = at === near ? line : line.replace(far.process.url, at.process.url);
      const child = hayate(here.split(/\s+/).slice(1), { cwd: folder });
      began.push(child);
      return child;
    };
    for (const line of of('token')) {
      const [command, file] = line.split('>').map((part) => part.trim()) as [string, string];
      const token = run(command);
      if ((await token.exited) !== 0) throw new Error(`${command}: ${token.stderr.join(' ')}`);
      writeFileSync(join(folder, file), token.stdout.join('\n'));
    }
    run(of('publish')[0]!);
    const [watch] = of('watch') as [string];
    const there = run(watch);
    const here = run(
      watch.replace(far.process.url, near.process.url).replace(far.process.hashes[0]!, near.process.hashes[0]!),
    );
    const viewers = { 'the region of the liver': here, 'the other region': there };
    const until = performance.now() + SHOWN_MS;
    const count = (viewer: typeof here) => viewer.stdout.filter((line) => /\d ms/.test(line)).length;
    while (performance.now() < until && Object.values(viewers).some((viewer) => count(viewer) < SHOWN)) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return Object.fromEntries(Object.entries(viewers).map(([name, viewer]) => [name, count(viewer)]));
  } finally {
    for (const child of began) await child.stop('SIGKILL');
    await cluster.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run({ log }: ClaimContext) {
  const checks = new Checks();
  const guide = readFileSync(GUIDE, 'utf8');
  const commands = new Commands();
  const prices = recordedPrices();
  if (!prices) checks.skip('what it costs: ../shared/data/linode is not beside this checkout');
  log('each command of the guide');
  const faults = await faultsOf(guide, commands, prices);
  checks.figure('commands', commandsOf(guide).length);
  for (const fault of faults) checks.check(false, fault);
  for (const [name, [from, to]] of Object.entries(FAULTS)) {
    if (!prices && name === 'another price') continue;
    checks.check(guide.includes(from), `control "${name}" finds nothing to break`);
    const found = await faultsOf(guide.replaceAll(from, to), commands, prices);
    checks.figure(`control: ${name}`, found);
    checks.check(found.length > faults.length, `control "${name}" was not noticed`);
  }
  if (!(await haveNats(checks, 'a room in both regions'))) return checks.outcome();
  const shown = await roomOf(guide, log);
  checks.figure('frames shown, by the guide’s own commands on two regions of this machine', shown);
  for (const [where, frames] of Object.entries(shown)) checks.check(frames >= SHOWN, `${where}: ${frames} frames`);
  return checks.outcome();
}

export const deployGuide: Claim = {
  id: 'deploy.5',
  title:
    'docs/deploy.md: each command is there with the flags that it is given, what a month costs follows from recorded prices, and its commands for a room show one in both regions',
  seconds: 60,
  run,
};
