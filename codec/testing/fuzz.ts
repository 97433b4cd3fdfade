/** Settings of property tests: a fixed seed and few runs in `npm test`, more by HAYATE_FUZZ_RUNS, another seed by HAYATE_FUZZ_SEED. */
export function fuzz(runs: number): { numRuns: number; seed: number } {
  const asked = Number(process.env['HAYATE_FUZZ_RUNS'] ?? 0);
  return { numRuns: asked > 0 ? asked : runs, seed: Number(process.env['HAYATE_FUZZ_SEED'] ?? 20_260_101) };
}
