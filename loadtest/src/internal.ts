export { EXIT } from '../errors.ts';
export { type LoadtestFlags, runLoadtest } from './run-loadtest.ts';
