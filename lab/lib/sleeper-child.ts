// Sleeps and says each second how much later than asked it woke, ms in sum, beyond what a timer is late by itself.
const SLEEP_MS = 10;
const USUAL_MS = 2;
const A_SECOND = 100;

const sleeper = new Int32Array(new SharedArrayBuffer(4));
process.on('disconnect', () => process.exit(0));

for (;;) {
  let lateMs = 0;
  for (let n = 0; n < A_SECOND; n += 1) {
    const since = performance.now();
    Atomics.wait(sleeper, 0, 0, SLEEP_MS);
    const late = performance.now() - since - SLEEP_MS;
    if (late > USUAL_MS) lateMs += late;
  }
  process.send?.(lateMs, () => {});
  await new Promise((resolve) => setImmediate(resolve));
}
