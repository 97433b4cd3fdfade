import { cutPower, recordLedger } from './power-cut.ts';

export interface PowerOptions {
  cuts: number;
  seed: number;
}

const RECORD = { lives: 5, giftsALife: 150, rooms: 50 };

/** Power cuts, their control without syncs, and everything else that a disk can do to a ledger. */
export async function powerCut({ cuts, seed }: PowerOptions, log: (text: string) => void) {
  log('recording');
  const recording = await recordLedger({ ...RECORD, seed }, false, log);
  const { power_cuts, lost, doubled, ...more } = cutPower(recording, cuts, seed, log);
  log('recording without syncs');
  const unsynced = await recordLedger({ ...RECORD, seed }, true, log);
  const control = cutPower(unsynced, Math.ceil(cuts / 5), seed, log);
  const refused = Object.values(more.refused).reduce((a, b) => a + b, 0);
  const passed = lost === 0 && doubled === 0 && more.gaps === 0 && refused === 0 && control.lost > 0;
  return {
    passed,
    power_cuts,
    lost,
    doubled,
    ...more,
    acked: recording.senders.acked,
    control_synchronous_off: control,
  };
}
