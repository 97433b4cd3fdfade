import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LedgerRecord, openSqliteLedger } from '@hayate/relay/ledger';
import { audit } from './audit.ts';
import { LedgerProcess } from './ledger-process.ts';
import { Random } from './random.ts';
import { ackedOf, Senders } from './senders.ts';

export interface KillOptions {
  kills: number;
  perSecond: number;
  rooms: number;
  seed: number;
}

export interface KillResult extends KillOptions {
  passed: boolean;
  sent: number;
  acked: number;
  lost: number;
  doubled: number;
  /** Acked before another of the same room was sent, and behind it. */
  reordered: number;
  /** Places in a room without a record. */
  gaps: number;
  /** Sent again after a kill without an answer: of these, how many the killed process had written. */
  resent: number;
  resent_and_written_before: number;
}

/** A ledger process that takes gifts is killed at random instants; what has no answer is sent again to the next one. */
export async function killLedger(options: KillOptions, log: (text: string) => void): Promise<KillResult> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-kill-'));
  const path = join(folder, 'ledger.db');
  const random = new Random(options.seed);
  const senders = new Senders(random, options.rooms);
  let resent = 0;
  let writtenBefore = 0;
  const start = async () => {
    const again = new Set(senders.unanswered().map(({ jti }) => jti));
    resent += again.size;
    const ledger = new LedgerProcess({
      path,
      onLine: (line) => {
        if (line.type !== 'answer') throw new Error(`the ledger refused: ${line.code}`);
        if (again.delete(line.jti) && line.receipt.repeat) writtenBefore++;
        senders.answered(line.jti, line.receipt);
      },
    });
    await ledger.ready;
    for (const ticket of [...senders.unanswered(), ...senders.someAnswered(5)]) ledger.send(ticket);
    return ledger;
  };
  const run = async (ledger: LedgerProcess, forMs: number) => {
    const since = performance.now();
    let sent = 0;
    for (let passed = 0; passed < forMs; passed = performance.now() - since) {
      for (; sent < (passed / 1000) * options.perSecond; sent++) ledger.send(senders.next());
      await sleep(1);
    }
  };
  try {
    for (let kill = 1; kill <= options.kills; kill++) {
      const ledger = await start();
      await run(ledger, 100 + random.below(900));
      await ledger.kill();
      if (kill % 10 === 0) log(`${kill} kills, ${senders.acked} acked`);
    }
    const last = await start();
    await run(last, 500);
    await last.finish();

    const ledger = await openSqliteLedger({ path });
    const records: LedgerRecord[] = [];
    for (let more = await ledger.since(0, 1000); more.length > 0; more = await ledger.since(records.length, 1000)) {
      records.push(...more);
    }
    await ledger.close();
    const { lost, doubled, gaps } = audit(records, ackedOf(senders));
    const places = { lost, doubled: doubled + senders.doubled, reordered: reordered(senders), gaps };
    return {
      passed: Object.values(places).every((count) => count === 0) && senders.unanswered().length === 0,
      ...options,
      sent: senders.sent.size,
      acked: senders.acked,
      ...places,
      resent,
      resent_and_written_before: writtenBefore,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Pairs of neighbours in a room where the one behind was acked before the one in front was sent. */
function reordered(senders: Senders): number {
  const rooms = Map.groupBy(
    [...senders.sent.values()].filter(({ receipt }) => receipt),
    ({ ticket }) => ticket.room,
  );
  let count = 0;
  for (const sent of rooms.values()) {
    sent.sort((a, b) => a.receipt!.sequence! - b.receipt!.sequence!);
    // The latest start of what stands in front against each answer behind it.
    let latest = -1;
    for (const each of sent) {
      if (each.answeredAs < latest) count++;
      latest = Math.max(latest, each.answersBefore);
    }
  }
  return count;
}
