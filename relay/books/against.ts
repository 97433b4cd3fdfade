import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { HayateError } from '@hayate/codec/errors';
import { parseCsvLine } from './csv.ts';

/** What the backend has booked under one idempotency key. */
export interface Booked {
  /** As in the delivery: positive, of a void or refund too. */
  amount: number;
  currency: string | undefined;
  /** How often the key is in its export: more than once is a doubled gift. */
  times: number;
}

/**
 * The backend's own records: CSV with a head, or JSON lines, with `idempotencyKey` and `amount`, and `currency` where it has it.
 * All keys are kept in memory, about 200 bytes each.
 * @throws HayateError `invalid_argument` with the line
 */
export async function readBooked(file: string): Promise<Map<string, Booked>> {
  const booked = new Map<string, Booked>();
  const add = (key: unknown, amount: number, currency: unknown, line: number) => {
    if (typeof key !== 'string' || key === '' || !Number.isSafeInteger(amount)) {
      throw new HayateError('invalid_argument', `${file}, line ${line}: no idempotencyKey, or no integer as amount`);
    }
    const before = booked.get(key);
    if (before) before.times++;
    else
      booked.set(key, {
        amount,
        currency: typeof currency === 'string' && currency !== '' ? currency : undefined,
        times: 1,
      });
  };
  let columns: { key: number; amount: number; currency: number } | undefined;
  let number = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      const line = number === 1 ? text.replace(/^\uFEFF/, '') : text;
      if (line.trim() === '') continue;
      if (line.startsWith('{')) {
        const { idempotencyKey, amount, currency } = parseJson(line, file, number);
        add(idempotencyKey, typeof amount === 'number' ? amount : Number.NaN, currency, number);
      } else if (!columns) {
        columns = columnsOf(parseCsvLine(line), file);
      } else {
        const cells = parseCsvLine(line);
        const amount = cells[columns.amount] ?? '';
        add(cells[columns.key], amount === '' ? Number.NaN : Number(amount), cells[columns.currency], number);
      }
    }
  } catch (cause) {
    if (cause instanceof HayateError) throw cause;
    throw new HayateError('invalid_argument', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  return booked;
}

function parseJson(line: string, file: string, number: number): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch (cause) {
    throw new HayateError('invalid_argument', `${file}, line ${number} is no JSON`, { cause });
  }
}

function columnsOf(head: string[], file: string) {
  const [key, amount, currency] = ['idempotencyKey', 'amount', 'currency'].map((name) => head.indexOf(name)) as [
    number,
    number,
    number,
  ];
  if (key === -1 || amount === -1) {
    throw new HayateError('invalid_argument', `${file}: its head has no idempotencyKey, or no amount`);
  }
  return { key, amount, currency };
}
