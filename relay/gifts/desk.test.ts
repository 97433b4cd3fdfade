import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { MemoryLedger } from '../ledger/index.ts';
import { Counters } from '../telemetry/counters.ts';
import { GiftDesk } from './desk.ts';
import { openTicketKeys } from './keys.ts';
import { mintTicket, readTicketSigner } from './mint.ts';
import { TicketChecker } from './ticket.ts';

it('tells the others of a gift after its giver, whose answer no fault there takes away', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-desk-'));
  const keyFile = join(folder, 'ticket.key');
  writeFileSync(keyFile, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const told: string[] = [];
  const logged: string[] = [];
  const log = pino({}, { write: (line) => void logged.push((JSON.parse(line) as { msg: string }).msg) });
  const checker = new TicketChecker({ keys: await openTicketKeys({ publicKeyFile: keyFile }, log), region: 'jp' });
  const desk = new GiftDesk({
    ...{ ledger: new MemoryLedger(), checker, region: 'jp', counters: new Counters(), log, dateMs: () => Date.now() },
    onGiven: ({ sub }) => {
      told.push(`the room hears of ${sub}`);
      throw new Error('a fault on the way to other relays');
    },
  });
  try {
    const gift = { room: 'r', sub: 'ann', liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg: 'jp' };
    const ticket = await mintTicket(await readTicketSigner(keyFile), gift);
    const receipt = await desk.claim(await desk.check(ticket, { room: 'r', sub: 'ann' }));
    told.push('the giver is answered');
    expect(receipt).toMatchObject({ id: 1, repeat: false });
    await turn();
    expect(told).toEqual(['the giver is answered', 'the room hears of ann']);
    expect(logged).toContain('fault of the gifts');
  } finally {
    desk.close();
    rmSync(folder, { recursive: true });
  }
});
