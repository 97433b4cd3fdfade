export { Control, controlStream } from '../domain/control.ts';
export { EXIT } from '../errors.ts';
export { parseMetrics, type Sample, total } from '../report/prometheus.ts';
export { type LoadtestFlags, runLoadtest } from './run-loadtest.ts';
