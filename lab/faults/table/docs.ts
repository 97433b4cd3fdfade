import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../lib/processes.ts';
import type { Fault } from './fault.ts';
import { promised, VIEWERS } from './fault.ts';
import { controls, faults } from './list.ts';
import type { TableResult, TriedFault } from './run.ts';

const docsFile = join(root, 'docs', 'faults.md');

/** As claim operations.1 keeps it. */
interface Kept {
  at: string;
  commit: string;
  figures: Partial<Pick<TableResult, 'faults' | 'controls' | 'skipped' | 'seconds'>>;
}

function lastResult(): Kept | undefined {
  const file = join(root, 'lab', 'results', 'claims', 'operations.1.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kept) : undefined;
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function measuredOf({ name }: Fault, results: readonly TriedFault[], skipped: readonly string[]): string {
  const reason = skipped.find((text) => text.startsWith(`${name}: `));
  if (reason !== undefined) return `SKIPPED ${cell(reason.slice(name.length + 2))}`;
  const result = results.find((each) => each.name === name);
  if (!result) return 'not run yet';
  const verdict = result.control
    ? result.passed
      ? '**not found**'
      : `found: ${result.broken.join('; ')}`
    : result.passed
      ? 'kept'
      : `**not kept: ${result.broken.join('; ')}**`;
  const tries = result.before.map(
    ({ broken, machine_late_ms }) => `${broken.join('; ')} (machine ${machine_late_ms} ms)`,
  );
  const before = tries.length > 0 ? `. Runs before it: ${tries.join(', ')}` : '';
  return cell(`${verdict}. ${result.measured}${before}`);
}

function table(list: readonly Fault[], results: readonly TriedFault[], skipped: readonly string[]): string[] {
  return [
    '| fault | what is done | promise | last measured |',
    '|---|---|---|---|',
    ...list.map((fault) => {
      const measured = measuredOf(fault, results, skipped);
      return `| \`${fault.name}\` | ${cell(fault.does)} | ${cell(promised(fault))} | ${measured} |`;
    }),
    '',
  ];
}

/** The text of docs/faults.md: what is promised by the code, what was measured by the last result of operations.1. */
export function renderFaults(): string {
  const kept = lastResult();
  const { faults: results = [], controls: against = [], skipped = [] } = kept?.figures ?? {};
  const when = kept
    ? `Last run: ${kept.at.slice(0, 16).replace('T', ' ')} UTC, commit ${kept.commit}.`
    : 'Not run yet.';
  const lines = [
    '# Faults',
    '',
    'Made from `lab/faults/table` and the last result of claim operations.1 by `node lab/faults/table/write-docs.ts`; do not edit. A test',
    'compares them.',
    '',
    `\`npm run faults -- all\` runs each fault against a relay process of its own under load: a liver by the SDK with voice and motion, ${VIEWERS}`,
    'viewers, ten people who give ten gifts and write five comments a second, and a backend that gifts are delivered to. `--only NAME` runs',
    'some, `--list` names them, `--json` gives everything as one object. What a machine cannot do is SKIPPED with its reason. All of it is on',
    'loopback and in namespaces that the run makes itself; it takes Linux, root for the namespaces, and a C compiler for what the C library is',
    'made to say.',
    '',
    'Of every fault: the longest any viewer was without a new frame, lag p99 (one way, capture to arrival; rooms have a budget of 20 ms, so that',
    'nothing is held) before, while it lasts and after it, and what became of all gifts by the ledger, the viewers and the backend. A gift that the',
    'giver was told is taken and that one of them lacks is lost; one that one of them has twice is doubled.',
    '',
    'Processes that only sleep say by how much the machine itself stood still meanwhile (its host took cores away). Where that was over 10 ms and',
    'nothing but the lag was broken, the fault is run again, four times at most in all; the last run counts, and those before it are told.',
    '',
    when,
    '',
    ...table(faults, results, skipped),
    '## Promises that are broken on purpose',
    '',
    'Each must be found broken, or the run fails.',
    '',
    ...table(controls, against, skipped),
    '## Other faults',
    '',
    '| command | what |',
    '|---|---|',
    '| `npm run faults -- gifts` | a relay killed again and again under gifts; `--power-cut`, `--kill`, `--cluster`: [gifts.md](gifts.md) |',
    '| `npm run faults -- cluster` | media of two regions while relays, NATS servers and the ocean fail: [cluster.md](cluster.md) |',
    '| `npm run faults -- roll` | a new generation of relays takes over: [deploy.md](deploy.md) |',
    '| `npm run bench -- handshake-flood` | 100 000 handshakes a minute that nobody goes on with, while 500 viewers watch (claim operations.2) |',
  ];
  return `${lines.join('\n')}\n`;
}

export function writeFaults(): void {
  writeFileSync(docsFile, renderFaults());
}

export function currentFaults(): string {
  return existsSync(docsFile) ? readFileSync(docsFile, 'utf8') : '';
}
