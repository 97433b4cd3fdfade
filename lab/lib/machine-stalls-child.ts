// Does the same small piece of work again and again and says how long each took. The work keeps to registers: memory and
// garbage would measure something else.
const SPIN = 100_000;
const SLEEP_MS = 1;

const seconds = Number(process.argv[2]);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let kept = 1;

function spin(): void {
  let x = kept;
  for (let i = 0; i < SPIN; i += 1) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
  kept = x;
}

// The compiler has its say before anything counts.
for (let i = 0; i < 200; i += 1) spin();

const pieces: { at: number; took: number }[] = [];
const from = performance.now();
for (;;) {
  const at = performance.now() - from;
  if (at > seconds * 1000) break;
  spin();
  pieces.push({ at, took: performance.now() - from - at });
  Atomics.wait(sleeper, 0, 0, SLEEP_MS);
}
process.send?.(pieces, () => process.exit(0));
