#!/usr/bin/env -S node --max-semi-space-size=8
// The young generation of the heap grows with the garbage of a moment and never shrinks: bounded, a relay with thousands of
// viewers holds tens of MB less.
import { main } from '../program.ts';

// Whoever reads has read enough, as `| head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await main(process.argv.slice(2));
