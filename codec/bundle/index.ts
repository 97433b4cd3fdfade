export * from './bundle.ts';
export * from './errors.ts';
export * from './forward.ts';
export * from './limits.ts';
export * from './probe.ts';
export * from './receiver.ts';
export { BundleScanner, forEachUnit } from './scan.ts';
export * from './sender.ts';
export * from './sequence.ts';
