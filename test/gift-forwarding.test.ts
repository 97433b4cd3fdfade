import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectNats, type NatsRig, natsServer, startNats } from '../lab/lib/nats.ts';
import { GiftDesk } from '../relay/gifts/desk.ts';
import { natsForwarder, serveForwarded } from '../relay/gifts/forward.ts';
import { openTicketKeys } from '../relay/gifts/keys.ts';
import { ensureTicketKey, mintTicket, readTicketSigner } from '../relay/gifts/mint.ts';
import { TicketChecker } from '../relay/gifts/ticket.ts';
import { MemoryLedger } from '../relay/ledger/index.ts';
import { Counters } from '../relay/telemetry/counters.ts';
import { silent as log } from '../relay/test/silent.ts';

const REGIONS = ['jp', 'us'];
const server = await natsServer();
const missing = 'skip' in server ? server.skip : undefined;
if (missing !== undefined) console.log(`skipped: ${missing}`);

describe.skipIf(missing !== undefined)('a ticket of another region', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hayate-forward-'));
  const keyFile = join(dir, 'ticket.key');
  const ends: (() => void | Promise<void>)[] = [];
  let rig: NatsRig;
  let desks: Record<string, { desk: GiftDesk; ledger: MemoryLedger; leave(): void }>;
  const give = async (reg: string, at: string, sub = 'ann') => {
    const signer = await readTicketSigner(keyFile);
    const gift = { room: 'r', sub, liver: 'mio', item: 'star', amount: 100, currency: 'JPY', reg };
    return async (ticket?: string) => {
      const text = ticket ?? (await mintTicket(signer, gift));
      const { desk } = desks[at]!;
      return { text, receipt: await desk.claim(await desk.check(text, { room: 'r', sub: 'ann' })) };
    };
  };
  beforeAll(async () => {
    ensureTicketKey(keyFile);
    rig = await startNats({ regions: REGIONS });
    const keys = await openTicketKeys({ publicKeyFile: keyFile }, log);
    desks = {};
    for (const region of REGIONS) {
      const nats = await connectNats(rig.region(region));
      const ledger = new MemoryLedger();
      const checker = new TicketChecker({ keys, region, regions: REGIONS });
      const forwarder = natsForwarder(() => nats, REGIONS);
      const counters = new Counters();
      const desk = new GiftDesk({ ledger, checker, counters, log, region, forwarder, dateMs: () => Date.now() });
      const leave = serveForwarded(nats, region, (...args) => desk.claimForwarded(...args));
      await nats.flush();
      desks[region] = { desk, ledger, leave };
      ends.push(
        leave,
        () => desk.close(),
        () => nats.close(),
      );
    }
    // Servers tell each other who listens where, in their own time.
    await rig.listening((region) => `gifts-claim.${region}`);
  }, 60_000);
  afterAll(async () => {
    for (const end of ends) await end();
    await rig?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('is taken there, once, whichever relay it comes to', async () => {
    const there = await (await give('us', 'jp'))();
    expect(there.receipt).toMatchObject({ id: 1, repeat: false });
    const again = await (await give('us', 'us'))(there.text);
    expect(again.receipt).toEqual({ ...there.receipt, repeat: true });
    expect(await desks['us']!.ledger.since(0, 10)).toHaveLength(1);
    expect(await desks['jp']!.ledger.since(0, 10)).toHaveLength(0);
  });

  it('is checked there too, and answered with the codes of there', async () => {
    await expect((await give('eu', 'jp'))()).rejects.toMatchObject({ code: 'wrong_region' });
    const conflict = await desks['us']!.ledger.since(0, 10);
    expect(conflict[0]).toMatchObject({ reg: 'us' });
    // A relay that forwards without checking gains nothing.
    const nats = await connectNats(rig.region('jp'));
    const forwarder = natsForwarder(() => nats, REGIONS);
    const { text } = await (await give('us', 'us'))();
    const forward = (ticket: string, sub: string, to = 'us') => forwarder.forward(to, ticket, { room: 'r', sub });
    await expect(forward(text, 'bo')).rejects.toMatchObject({ code: 'wrong_sender', retryable: false });
    await expect(forward('no ticket', 'ann')).rejects.toMatchObject({ code: 'ticket_invalid' });
    // Not sent round in circles.
    await expect(forward(text, 'ann', 'jp')).rejects.toMatchObject({ code: 'wrong_region' });
    await nats.close();
  });

  it('is not known to be taken when nobody answers', async () => {
    desks['us']!.leave();
    await expect((await give('us', 'jp'))()).rejects.toMatchObject({ code: 'ledger_unavailable', retryable: true });
  });
});
