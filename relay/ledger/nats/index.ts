export { Lease } from './lease.ts';
export { type NatsLedger, openNatsLedger } from './ledger.ts';
