import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { flipBits, worked } from './bit-flips.ts';
import { diskFaults } from './disk-faults.ts';
import { cutPower, FILE, recordLedger } from './power-cut.ts';

export interface PowerOptions {
  cuts: number;
  seed: number;
}

const RECORD = { lives: 5, giftsALife: 150, rooms: 50 };
const FLIPS = 600;

/** Power cuts, their control without syncs, and everything else that a disk can do to a ledger. */
export async function powerCut({ cuts, seed }: PowerOptions, log: (text: string) => void) {
  log('recording');
  const recording = await recordLedger({ ...RECORD, seed }, false, log);
  const { power_cuts, lost, doubled, ...more } = cutPower(recording, cuts, seed, log);
  log('recording without syncs');
  const unsynced = await recordLedger({ ...RECORD, seed }, true, log);
  const control = cutPower(unsynced, Math.ceil(cuts / 5), seed, log);
  const disk = await diskFaults(seed, log);
  log('flipping bits');
  const killed = flipBits(recording.killed, recording.ackedWhenKilled, FLIPS, seed, log);
  const delivered = flipBits(worked(recording.killed, filesIn), recording.ackedWhenKilled, FLIPS, seed + 1, log);
  const passed =
    lost === 0 &&
    doubled === 0 &&
    more.gaps === 0 &&
    Object.keys(more.refused).length === 0 &&
    control.lost > 0 &&
    Object.values(disk).every((each) => each.passed) &&
    killed.unnoticed + delivered.unnoticed === 0;
  return {
    passed,
    power_cuts,
    lost,
    doubled,
    ...more,
    acked: recording.senders.acked,
    control_synchronous_off: control,
    disk,
    bit_flips: { after_a_kill: killed, half_delivered: delivered },
  };
}

function filesIn(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder).filter((name) => name.startsWith(FILE) && !name.endsWith('-shm'));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
}
