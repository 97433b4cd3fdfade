#!/usr/bin/env -S node --max-semi-space-size=8
// The young generation of the heap grows with the garbage of a moment and never shrinks: bounded, a relay with thousands of
// viewers holds tens of MB less.
import { main } from '../program.ts';

const LAST_LINES_MS = 1000;

// Whoever reads has read enough, as `| head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

// And who read the log may go.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await main(process.argv.slice(2));
// A log that nobody reads would keep alive what has nothing else to do. An answer is waited for.
setTimeout(() => {
  if (process.stderr.writableLength > 0 && process.stdout.writableLength === 0) process.exit();
}, LAST_LINES_MS).unref();
