/**
 * `node transport/conformance/table.ts [--json] [--body TEXT] [--case TEXT] [--no-browsers]`: every case over every
 * body, one after the other. Exit code 1 when a case fails or nothing passed.
 */
import { parseArgs } from 'node:util';
import { nodeBodies } from './bodies/index.ts';
import { cases } from './cases.ts';
import { type Cell, runTable } from './cells.ts';
import type { Body } from './run.ts';

const { values: args } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    body: { type: 'string', default: '' },
    case: { type: 'string', default: '' },
    'no-browsers': { type: 'boolean', default: false },
  },
});

const wanted = cases.filter((one) => one.id.includes(args.case));
const bodies = [...nodeBodies, ...(args['no-browsers'] ? [] : await browserBodies())].filter((body) =>
  body.name.includes(args.body),
);
const { cells, makes } = await runTable(bodies, wanted, ({ result }) => {
  if (!args.json) process.stderr.write(result === 'passed' ? '.' : 'F');
});

const count = (result: Cell['result']) => cells.filter((cell) => cell.result === result).length;
const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')];
if (args.json) console.log(JSON.stringify({ passed, failed, skipped, makes, cells }, null, 2));
else print();
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

function print(): void {
  process.stderr.write('\n');
  const width = Math.max(...wanted.map((one) => one.id.length));
  const marks = { passed: 'ok', failed: 'FAILED', skipped: 'SKIPPED' };
  const columns = bodies.map((body) => ({ body, width: Math.max(body.name.length, 7) }));
  console.log([''.padEnd(width), ...columns.map(({ body, width: w }) => body.name.padEnd(w))].join('  '));
  for (const one of wanted) {
    const row = columns.map(({ body, width: w }) => {
      const cell = cells.find((c) => c.body === body.name && c.case === one.id);
      return (cell === undefined ? '' : marks[cell.result]).padEnd(w);
    });
    console.log([one.id.padEnd(width), ...row].join('  '));
  }
  for (const cell of cells) {
    if (cell.result !== 'passed')
      console.log(`${marks[cell.result]} ${cell.body} > ${cell.case}: ${cell.reason ?? ''}`);
  }
  for (const [body, make] of Object.entries(makes)) console.log(`${body}: ${make}`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
}

/** The bodies that live in a page; lab/ stands above this package, so only this command reaches for it. */
async function browserBodies(): Promise<Body[]> {
  const { browserBodies: bodies } = await import('../../lab/browsers/conformance/bodies.ts');
  return bodies;
}
