// Loaded into the relay by --import, for the control runs: something is never given back (HAYATE_SOAK_LEAK: `heap` or `fds`).
import { openSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const LEAK_MS = 100;
/** 100 kB a second. */
const NUMBERS = 1250;
const FILES_MS = 1000;

const kept: number[][] = [];

if (isMainThread) {
  const kind = process.env['HAYATE_SOAK_LEAK'];
  if (kind === 'heap') {
    setInterval(() => kept.push(Array.from({ length: NUMBERS }, () => Math.random())), LEAK_MS).unref();
  }
  if (kind === 'fds') setInterval(() => openSync('/dev/null', 'r'), FILES_MS).unref();
}
