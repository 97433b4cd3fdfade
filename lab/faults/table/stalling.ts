// Loaded into a relay by --import: its JavaScript thread blocks at each SIGUSR2.
export const STALL_MS = 300;

process.on('SIGUSR2', () => {
  for (const until = performance.now() + STALL_MS; performance.now() < until; );
});
