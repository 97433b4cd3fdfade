export {
  type BackupOptions,
  backupLedger,
  type CopiedLedger,
  type RestoredLedger,
  type RestoreOptions,
  restoreLedger,
} from '../ledger/sqlite/backup.ts';
export {
  type DeliveryStatus,
  LedgerSnapshot,
  type SnapshotQuery,
  type SnapshotRecord,
} from '../ledger/sqlite/snapshot.ts';
export { type Booked, readBooked } from './against.ts';
export { CSV_HEAD, csvLine, type ExportRecord, exportRecord } from './csv.ts';
export { Days } from './days.ts';
export { type AgainstReport, type DayRow, type Reconciliation, reconcile, type Sum } from './reconcile.ts';
