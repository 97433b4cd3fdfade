import type { Case } from './case.ts';
import { type Body, type RunningBody, runCase, skipReason } from './run.ts';

export interface Cell {
  body: string;
  case: string;
  result: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped or failed. */
  reason?: string;
  ms: number;
}

export interface Table {
  cells: Cell[];
  /** By body: what it ran on, as it names itself. */
  makes: Record<string, string>;
}

/** Every one of `cases` over every one of `bodies`, one after the other. */
export async function runTable(
  bodies: readonly Body[],
  cases: readonly Case[],
  onCell: (cell: Cell) => void = () => {},
): Promise<Table> {
  const table: Table = { cells: [], makes: {} };
  let current: Cell | undefined;
  // A promise that nobody watches is a defect of the body that made it.
  const unhandled = (error: unknown) => {
    if (current !== undefined)
      Object.assign(current, { result: 'failed', reason: `unhandled rejection: ${text(error)}` });
  };
  process.on('unhandledRejection', unhandled);
  try {
    for (const body of bodies) {
      const missing = body.unavailable();
      let running: RunningBody | undefined;
      try {
        if (missing === undefined) running = await body.start();
        if (running?.make !== undefined) table.makes[body.name] = running.make;
        for (const one of cases) {
          const cell: Cell = { body: body.name, case: one.id, result: 'passed', ms: 0 };
          table.cells.push(cell);
          const skip = missing ?? skipReason(body, one);
          if (skip !== undefined || running === undefined) {
            Object.assign(cell, { result: 'skipped', reason: skip });
            continue;
          }
          const since = performance.now();
          current = cell;
          try {
            await runCase(body, running, one);
          } catch (error) {
            Object.assign(cell, { result: 'failed', reason: text(error) });
          }
          cell.ms = Math.round(performance.now() - since);
          onCell(cell);
        }
      } finally {
        current = undefined;
        await running?.close();
      }
    }
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  return table;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
