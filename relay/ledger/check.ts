import { ledgerError } from './errors.ts';
import type { Amendment, DeliveryOutcome, GiftTicket, LedgerQuery, LedgerRecord } from './types.ts';

const MAX_TEXT_CHARS = 128;
const MAX_LIMIT = 1000;
const CURRENCY = /^[A-Z]{3}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

const refuse = (message: string): never => {
  throw ledgerError('invalid_argument', message);
};

/** Lone surrogates have no UTF-8: they would come back from the disk as something else. */
function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_TEXT_CHARS) {
    refuse(`${name} is not a text of 1 to ${MAX_TEXT_CHARS} characters`);
  } else if (!value.isWellFormed() || CONTROL.test(value)) {
    refuse(`${name} holds characters that no name has`);
  }
}

export function checkInteger(name: string, value: unknown, least: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least) refuse(`${name} is not an integer from ${least}`);
}

export function checkLimit(limit: number): void {
  checkInteger('limit', limit, 1);
  if (limit > MAX_LIMIT) refuse(`limit is over ${MAX_LIMIT}`);
}

/** @throws HayateError `invalid_argument` */
export function checkTicket(ticket: GiftTicket, nowMs: number): void {
  for (const name of ['jti', 'room', 'sender', 'liver', 'item', 'reg'] as const) checkText(name, ticket[name]);
  checkInteger('amount', ticket.amount, 1);
  if (typeof ticket.currency !== 'string' || !CURRENCY.test(ticket.currency)) refuse('currency is not three capitals');
  if (ticket.shownAtMs !== undefined) checkInteger('shownAtMs', ticket.shownAtMs, 0);
  checkInteger('nowMs', nowMs, 0);
}

/** @throws HayateError `invalid_argument` */
export function checkAmendment(amendment: Amendment, nowMs: number): void {
  for (const name of ['key', 'gift', 'reason'] as const) checkText(name, amendment[name]);
  if (amendment.kind === 'refund') checkInteger('amount', amendment.amount, 1);
  else if (amendment.kind !== 'void') refuse('kind is neither void nor refund');
  checkInteger('nowMs', nowMs, 0);
}

/** @throws HayateError `invalid_argument` */
export function checkQuery(query: LedgerQuery): void {
  checkInteger('fromMs', query.fromMs, 0);
  checkInteger('toMs', query.toMs, 0);
  if (query.liver !== undefined) checkText('liver', query.liver);
}

export function checkName(name: string): void {
  checkText('name', name);
}

export function checkIds(ids: readonly number[]): void {
  if (!Array.isArray(ids) || ids.length > MAX_LIMIT) refuse(`more than ${MAX_LIMIT} ids`);
  for (const id of ids) checkInteger('id', id, 1);
}

/** @throws HayateError `invalid_argument` */
export function checkOutcomes(outcomes: readonly DeliveryOutcome[]): void {
  checkIds(outcomes.map(({ id }) => id));
  for (const each of outcomes) {
    if (each.outcome === 'delivered') checkInteger('atMs', each.atMs, 0);
    else if (each.outcome === 'retry') checkInteger('nextAtMs', each.nextAtMs, 0);
    else if (each.outcome !== 'dead') refuse('outcome is neither delivered, retry nor dead');
  }
}

/** Whether a ticket claims what its `jti` was first claimed with. Times do not count: a resend may carry another. */
export function sameGift(record: LedgerRecord, ticket: GiftTicket): boolean {
  return (
    record.room === ticket.room &&
    record.sender === ticket.sender &&
    record.liver === ticket.liver &&
    record.item === ticket.item &&
    record.amount === ticket.amount &&
    record.currency === ticket.currency &&
    record.reg === ticket.reg
  );
}

export function sameAmendment(record: LedgerRecord, amendment: Amendment): boolean {
  return record.gift === amendment.gift && (amendment.kind === 'void' || record.amount === amendment.amount);
}
