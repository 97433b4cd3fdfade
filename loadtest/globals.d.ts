// Globals of a script, as in k6.
declare const __ENV: Record<string, string | undefined>;
/** Number of the virtual user, from 1. */
declare const __VU: number;
/** Iteration of this virtual user, from 0. */
declare const __ITER: number;
