// A ledger in a process of its own: takes tickets as lines of JSON, answers each with a line once it is durable.
// ledger-child.ts FILE [--no-sync]
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { HayateError } from '@hayate/codec/errors';
import { type GiftTicket, openSqliteLedger, type Receipt } from '@hayate/relay/ledger';

export type ChildLine =
  | { type: 'ready'; pid: number }
  | { type: 'refused'; code: string }
  | { type: 'answer'; jti: string; receipt: Receipt }
  | { type: 'error'; jti: string; code: string; retryable: boolean };

const [path = '', control] = process.argv.slice(2);

// Synchronously: the line is out before the next thing is done, also when the process is killed there.
const say = (line: ChildLine) => writeSync(1, `${JSON.stringify(line)}\n`);

try {
  const ledger = await openSqliteLedger({ path, durable: control !== '--no-sync' });
  say({ type: 'ready', pid: process.pid });
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    const ticket = JSON.parse(line) as GiftTicket;
    const { jti } = ticket;
    ledger.claim(ticket, Date.now()).then(
      (receipt) => say({ type: 'answer', jti, receipt }),
      ({ code, retryable }: HayateError) => say({ type: 'error', jti, code, retryable }),
    );
  });
  input.on('close', () => void ledger.close());
} catch (error) {
  say({ type: 'refused', code: (error as HayateError).code });
}
