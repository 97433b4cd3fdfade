import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEngine } from '@hayate/engine';
import { mintTicket, readTicketSigner, type TicketOptions, type TicketSigner } from '@hayate/relay';
import { openOffice } from '../../lib/app-backend.ts';
import { RawGifts } from '../../lib/raw-gifts.ts';
import { startRelayProcess } from '../../lib/relay-process.ts';
import { vitestResults } from '../../lib/vitest.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const PROPERTIES = 'relay/ledger/property.test.ts';
const HOUR_MS = 3_600_000;
/** A relay reads its set of keys again after 1 s. */
const SET_MS = 1200;
/** Refused tickets a second, after a burst of ten. */
const REFUSED_MS = 1100;

/** A backend whose keys change: what it signs with, and the file of public keys that the relay reads. */
class Keys {
  readonly file: string;
  readonly #folder: string;
  readonly #public = new Map<string, KeyObject>();

  constructor(folder: string) {
    this.#folder = folder;
    this.file = join(folder, 'tickets.jwks');
  }

  async make(kid: string): Promise<TicketSigner> {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const file = join(this.#folder, `${kid}.pem`);
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    this.#public.set(kid, publicKey);
    return readTicketSigner(file);
  }

  publish(...kids: string[]): void {
    const keys = kids.map((kid) => ({ ...this.#public.get(kid)!.export({ format: 'jwk' }), kid, alg: 'EdDSA' }));
    writeFileSync(`${this.file}.new`, JSON.stringify({ keys }));
    renameSync(`${this.file}.new`, this.file);
  }
}

async function cases(checks: Checks): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-tickets-'));
  const keys = new Keys(folder);
  const signers = { first: await keys.make('first'), second: await keys.make('second') };
  const forger = await keys.make('forger');
  keys.publish('first');
  const relay = await startRelayProcess(folder, ['--gifts-jwks-file', keys.file, '--gifts-region', 'jp']);
  const engine = openEngine();
  try {
    const office = await openOffice(folder);
    const { url, hash } = await relay.tokens('show');
    const gifts = await RawGifts.open(engine, { url, hash, token: await office.token('show', 'ann') });
    const gift = { room: 'show', sub: 'ann', liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg: 'jp' };
    const mint = (more: Partial<TicketOptions> = {}, signer = signers.first) =>
      mintTicket(signer, { ...gift, kid: 'first', ...more });
    let taken = 0;
    const figures: Record<string, string> = {};
    const give = async (name: string, ticket: string, wanted: string, number?: number) => {
      const got = await gifts.give(ticket);
      if (got.answer === 'taken') taken++;
      figures[name] = got.number === undefined ? got.answer : `${got.answer} as ${got.number}`;
      checks.check(got.answer === wanted, `${name}: ${got.answer} instead of ${wanted}`);
      if (number !== undefined) checks.check(got.number === number, `${name}: place ${got.number}, not ${number}`);
    };

    const right = await mint({ jti: 'right' });
    await give('right', right, 'taken', 1);
    await give('replayed', right, 'repeat', 1);
    await give('replayed with another amount', await mint({ jti: 'right', amount: 99 }), 'gift_conflict');
    await give('wrong: no ticket at all', 'a.b.c', 'ticket_invalid');
    await give('wrong: signed by another key', await mint({}, forger), 'ticket_invalid');
    const other = await mint({ amount: 1_000_000 });
    const [head, , signature] = (await mint()).split('.');
    await give(
      'wrong: claims changed after signing',
      [head, other.split('.')[1], signature].join('.'),
      'ticket_invalid',
    );
    await give('wrong: a session token', await office.token('show', 'ann'), 'ticket_invalid');
    await give('expired', await mint({ nowMs: Date.now() - HOUR_MS }), 'ticket_expired');
    await sleep(5 * REFUSED_MS);
    await give('future', await mint({ nowMs: Date.now() + HOUR_MS }), 'ticket_not_yet_valid');
    await give('foreign room', await mint({ room: 'other' }), 'wrong_room');
    await give('foreign region', await mint({ reg: 'us' }), 'wrong_region');
    await give('of another sender', await mint({ sub: 'bo' }), 'wrong_sender');

    const rotated = (kid: 'first' | 'second') => mint({ kid }, signers[kid]);
    await give('rotation: new key, not published', await rotated('second'), 'ticket_key_unknown');
    keys.publish('first', 'second');
    await sleep(SET_MS);
    await give('rotation: new key, published', await rotated('second'), 'taken', 2);
    await give('rotation: old key beside it', await rotated('first'), 'taken', 3);
    keys.publish('second');
    await sleep(SET_MS);
    // An old set is read again in the background, with a ticket.
    await give('rotation: old key withdrawn, new one', await rotated('second'), 'taken', 4);
    await sleep(SET_MS);
    await give('rotation: old key withdrawn', await rotated('first'), 'ticket_key_unknown');
    await give('right, after all that', await rotated('second'), 'taken', 5);
    checks.figure('answers on one stream', figures);
    checks.check(gifts.ended === undefined, `the stream ended: ${gifts.ended}`);
    for (let tries = 0; gifts.shown.length < taken && tries < 50; tries++) await sleep(20);
    checks.figure('shown', gifts.shown);
    const inOrder = gifts.shown.every((number, index) => number === index + 1);
    checks.check(taken === 5 && gifts.shown.length === taken && inOrder, 'shown is not what was taken');
    await gifts.close();
  } finally {
    await engine.close();
    await relay.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  context.log('tickets at a real relay');
  await cases(checks);
  context.log('the ledger against its model');
  const { [PROPERTIES]: results } = await vitestResults([PROPERTIES]);
  checks.figure(`tests of ${PROPERTIES}`, results ?? 'did not run');
  checks.check(
    results !== undefined && results.failed.length === 0 && results.passed.length > 0,
    `${PROPERTIES}: ${results?.failed.length ?? 'did not run'} failed`,
  );
  for (const name of results?.skipped ?? []) checks.skip(`${PROPERTIES}: ${name}`);
  return checks.outcome();
}

export const ticketCases: Claim = {
  id: 'gifts.4',
  title:
    'Tickets at a real relay: wrong, replayed, expired, future, of a foreign room or region, a key that is rotated in mid-stream, each answered with its documented code; random calls and crashes of the ledger against its model',
  seconds: 60,
  run,
};
