// node lab/faults/table/write-docs.ts: docs/faults.md from the last result of claim operations.1.
import { writeFaults } from './docs.ts';

writeFaults();
