import { EXIT, type LoadtestFlags, runLoadtest } from '@hayate/loadtest/internal';
import { withoutSecrets } from '@hayate/relay';
import { Command, InvalidArgumentError, Option } from 'commander';
import { ExitWith } from '../usage.ts';

const LEFT_RUNNING_MS = 1000;

interface RunFlags {
  vus?: number;
  duration?: string;
  iterations?: number;
  stage: string[];
  env: string[];
  tag: string[];
  out: string[];
  summaryMode: 'compact' | 'full' | 'disabled';
  summaryTrendStats?: string;
  summaryTimeUnit?: 's' | 'ms' | 'us';
  summaryExport?: string;
  report?: string;
  quiet: boolean;
  color: boolean;
}

export function loadtestCommand(): Command {
  const command = new Command('loadtest').description('k6-style load tests of rooms, with one-way lag.').addHelpText(
    'after',
    `
Examples:
  hayate loadtest run test.ts --vus 10 --duration 30s
  hayate loadtest run test.ts --stage 10s:50,1m:50,10s:0 --out json=samples.json
  hayate loadtest run test.ts --report report.html
  hayate loadtest run test.ts --env ROOM=demo --summary-mode full

Exit codes are k6's: 0 good, 99 thresholds crossed, 104 invalid options, 105 interrupted, 107 script error, 108 aborted by
the script.`,
  );
  command.addCommand(runCommand());
  return command;
}

function runCommand(): Command {
  const several = (value: string, before: string[]) => [...before, value];
  return new Command('run')
    .description('Run a script (TypeScript or JavaScript).')
    .argument('<script>')
    .option('-u, --vus <n>', 'virtual users', wholeNumber)
    .option('-d, --duration <time>', 'how long: 30s, 1m30s')
    .option('-i, --iterations <n>', 'iterations, shared among the virtual users', wholeNumber)
    .option(
      '-s, --stage <time:n>',
      'ramp to n virtual users in that time; more of them or a list with commas',
      several,
      [],
    )
    .option('-e, --env <name=value>', 'a variable of __ENV', several, [])
    .option('--tag <name=value>', 'a tag of every sample', several, [])
    .option('-o, --out <output>', 'json=FILE, or json=FILE.gz: every sample', several, [])
    .addOption(
      new Option('--summary-mode <mode>', 'the text at the end')
        .choices(['compact', 'full', 'disabled'])
        .default('compact'),
    )
    .option('--summary-trend-stats <list>', 'figures of trends: avg,min,med,max,count,p(99.9)')
    .addOption(new Option('--summary-time-unit <unit>', 'one unit for all times').choices(['s', 'ms', 'us']))
    .option('--summary-export <file>', 'the figures at the end as JSON')
    .option('--report <file>', 'HTML with plots over time')
    .option('-q, --quiet', 'no plan and no progress', false)
    .option('--no-color', 'plain text')
    .action(async (script: string, flags: RunFlags) => {
      throw new ExitWith(await run(script, flags));
    });
}

async function run(script: string, flags: RunFlags): Promise<number> {
  const interrupt = new AbortController();
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    // Whoever asks twice does not want to wait for a teardown.
    if (signals > 1) process.exit(EXIT.externalAbort);
    interrupt.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const terminal = {
    out: (text: string) => void process.stdout.write(text),
    // A script that cannot be read is named, and may be something else than a name.
    err: (text: string) => void process.stderr.write(withoutSecrets(text)),
    tty: process.stdout.isTTY === true,
  };
  try {
    const code = await runLoadtest(script, read(flags, terminal.tty), terminal, interrupt.signal);
    // What a script left running (a timer, a socket) must not keep a test that has ended.
    setTimeout(() => process.exit(code), LEFT_RUNNING_MS).unref();
    return code;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

function read(flags: RunFlags, tty: boolean): LoadtestFlags {
  const { vus, duration, iterations, summaryTrendStats, summaryTimeUnit } = flags;
  const stages = flags.stage.flatMap((each) => each.split(',')).map(stageOf);
  const tags = pairs(flags.tag);
  return {
    options: {
      ...(vus !== undefined && { vus }),
      ...(duration !== undefined && { duration }),
      ...(iterations !== undefined && { iterations }),
      ...(stages.length > 0 && { stages }),
      ...(flags.tag.length > 0 && { tags }),
      ...(summaryTrendStats !== undefined && {
        summaryTrendStats: summaryTrendStats.split(',').map((stat) => stat.trim()),
      }),
      ...(summaryTimeUnit !== undefined && { summaryTimeUnit }),
    },
    env: pairs(flags.env),
    summaryMode: flags.summaryMode,
    summaryExport: flags.summaryExport,
    report: flags.report,
    out: flags.out,
    quiet: flags.quiet,
    color: flags.color && tty,
  };
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It wants a whole number.');
  return Number(text);
}

function stageOf(text: string): { duration: string; target: number } {
  const found = /^([^:]+):(\d+)$/.exec(text.trim());
  if (!found) throw new InvalidArgumentError(`"${text}" is no stage: write 30s:10.`);
  return { duration: found[1]!, target: Number(found[2]) };
}

function pairs(list: string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((each) => {
      const equals = each.indexOf('=');
      // As k6: a bare name passes the variable of this environment on.
      return equals < 0 ? [each, process.env[each] ?? ''] : [each.slice(0, equals), each.slice(equals + 1)];
    }),
  );
}
