import { diskFaults } from './disk-faults.ts';
import type { Fault } from './fault.ts';
import { hostileFaults } from './hostile-faults.ts';
import { keyFaults } from './key-faults.ts';
import { limitFaults } from './limit-faults.ts';
import { linkFaults } from './link-faults.ts';
import { outsideFaults } from './outside-faults.ts';
import { processControls, processFaults } from './process-faults.ts';

/** In the order of docs/faults.md. */
export const faults: Fault[] = [
  ...processFaults,
  ...diskFaults,
  ...limitFaults,
  ...outsideFaults,
  ...keyFaults,
  ...linkFaults,
  ...hostileFaults,
];

/** Promises that are broken on purpose. */
export const controls: Fault[] = [...processControls];
