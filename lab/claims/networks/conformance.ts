import { cases, nodeBodies, runTable } from '@hayate/transport/conformance';
import { browserBodies } from '../../browsers/conformance/bodies.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

/** One column: a transport in one place. */
export interface Column {
  /** The browser and its version; absent in Node. */
  make?: string;
  /** By the case's id: `passed`, `FAILED: REASON` or `gap: REASON`. */
  cells: Record<string, string>;
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  const wanted = ({ name }: { name: string }) =>
    context.only.length === 0 || context.only.some((part) => name.includes(part));
  const bodies = [...nodeBodies, ...browserBodies].filter(wanted);
  for (const body of bodies) {
    const missing = body.unavailable();
    if (missing !== undefined) {
      checks.skip(`${body.name}: ${missing}`);
      continue;
    }
    context.log(body.name);
    const { cells, makes } = await runTable([body], cases);
    const column: Column = {
      ...(makes[body.name] !== undefined && { make: makes[body.name]! }),
      cells: Object.fromEntries(
        cells.map(({ case: id, result, reason }) => [
          id,
          result === 'passed' ? 'passed' : `${result === 'failed' ? 'FAILED' : 'gap'}: ${reason}`,
        ]),
      ),
    };
    checks.figure(body.name, column);
    for (const { case: id, result, reason } of cells)
      checks.check(result !== 'failed', `${body.name}, ${id}: ${reason}`);
    checks.check(
      cells.some(({ result }) => result === 'passed'),
      `${body.name}: nothing passed`,
    );
  }
  return checks.outcome();
}

export const conformance: Claim = {
  id: 'networks.1',
  title:
    'Conformance table (docs/conformance.md): every feature of the suite over engine, fallback and memory in Node, and WebTransport and WebSocket in Chromium and Firefox; what a body lacks is listed with its reason',
  seconds: 240,
  run,
};
