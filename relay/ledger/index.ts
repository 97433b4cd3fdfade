export { type LedgerCode, ledgerCodes } from './errors.ts';
export { MemoryLedger } from './memory.ts';
export { type EndingLedger, ReopeningLedger, type ReopeningOptions } from './reopening.ts';
export {
  type RegionLedger,
  type SecondCopy,
  type SpooledGift,
  SpoolingLedger,
  type SpoolingOptions,
} from './spooling.ts';
export { openSqliteLedger, type SqliteLedger, type SqliteLedgerOptions } from './sqlite/ledger.ts';
export type {
  Amendment,
  DeliveryOutcome,
  GiftTicket,
  Ledger,
  LedgerHead,
  LedgerQuery,
  LedgerRecord,
  LedgerStats,
  LocalLedger,
  OutboxEntry,
  PlacedRecord,
  ReadCursor,
  ReadPage,
  ReadRecord,
  Receipt,
  RecordKind,
} from './types.ts';
