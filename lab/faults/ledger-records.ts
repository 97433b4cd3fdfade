import { type LedgerRecord, openSqliteLedger } from '@hayate/relay/ledger';

/** Everything in the ledger of a relay that has ended, by id. */
export async function ledgerRecords(path: string): Promise<LedgerRecord[]> {
  const ledger = await openSqliteLedger({ path });
  try {
    const records: LedgerRecord[] = [];
    for (let more = await ledger.since(0, 1000); more.length > 0; more = await ledger.since(records.length, 1000)) {
      records.push(...more);
    }
    return records;
  } finally {
    await ledger.close();
  }
}
