import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchFile } from '@hayate/codec/bench';
import { root } from '../../lib/processes.ts';
import type { Checks } from '../claim.ts';

const folder = join(root, '..', 'shared', 'data', 'motion');

/** 30 frames a second, heads at rest; two of them show one person. */
export const FOUR = ['alex_rom_3', 'alex_rom_4', 'S88-001', 'facial'];
/** 60 frames a second, the only head in motion. */
export const DAO = 'llv_dao';

export function pathOf(name: string): string {
  return join(folder, `${name}.csv`);
}

export function readFiles(names: readonly string[]): BenchFile[] {
  return names.map((name) => ({ name: `${name}.csv`, text: readFileSync(pathOf(name), 'utf8') }));
}

/** Whether the recordings are here; says so when they are not. */
export function haveRecordings(checks: Checks): boolean {
  if (existsSync(folder)) return true;
  checks.skip('no recordings: ../shared/data/motion is not beside this checkout');
  return false;
}
