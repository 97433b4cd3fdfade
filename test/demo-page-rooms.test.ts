import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { press, pressable, pressWhenPossible, show, write } from '../lab/browsers/demo.ts';
import type { BrowserPage } from '../lab/browsers/index.ts';
import { type DemoRig, noBrowser, startDemo, WAIT_MS } from './demo-rig.ts';

if (noBrowser) console.log(`SKIPPED the room of the demo page in a browser: ${noBrowser}`);

const COMMENTS = `[...document.querySelectorAll('.comments li')].map((li) => li.querySelector('span')?.textContent ?? li.textContent)`;
const NOTICE = `document.querySelector('#notice')?.textContent`;
const WRITE_HERE = `document.querySelector('.comments input').placeholder`;
const openMenu = (name: string) => press(`What to do about ${name}`);
/** Grave acts ask once more, in another text. */
const insist = (label: string) => `(${press(label)}, ${press(`${label}: sure?`)})`;

/** A press while the connection is made anew is answered with an error, or finds no button: a person presses again. */
const PRESS_AGAIN_MS = 4000;

/**
 * Does `acts` one after the other on a page, and all of them again, until `happened` holds on the page that shows it. A button
 * that is not there may be one that did its work: what it does takes a while on a busy machine.
 */
async function again(actor: BrowserPage, acts: string[], witness: BrowserPage, happened: string): Promise<void> {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    let fault: unknown;
    try {
      for (const act of acts) await actor.evaluate(act);
    } catch (error) {
      fault = error;
    }
    try {
      return await witness.waitFor<void>(happened, PRESS_AGAIN_MS);
    } catch (error) {
      if (performance.now() > until) throw fault ?? error;
    }
  }
}

describe.skipIf(noBrowser !== undefined)('a room on the demo page in Chromium', () => {
  let rig: DemoRig;

  beforeAll(async () => {
    rig = await startDemo();
  });

  afterEach(() => rig?.leave());
  afterAll(() => rig?.close());

  async function open(query: string, options?: Parameters<DemoRig['open']>[1]): Promise<BrowserPage> {
    const page = await rig.open(query, options);
    await page.waitFor('window.hayate?.state === "open"', WAIT_MS);
    return page;
  }

  it('shows comments, reactions and people; a moderator deletes, mutes, slows, sends out, bans and closes', async () => {
    const [moderator, ann] = await Promise.all([
      open('?room=town&role=moderator&name=Mod'),
      open('?room=town&name=Ann', { viewport: { width: 360, height: 740 }, touch: true }),
    ]);
    await moderator.evaluate(show('people'));
    await moderator.waitFor('hayate.people === 2', WAIT_MS);
    expect(await ann.evaluate(pressable('What to do about Mod'))).toBe(false);

    await again(moderator, [press('Room …'), press('Slow mode')], ann, `${WRITE_HERE}.includes('slow mode: 5 s')`);
    await again(ann, [write('one')], moderator, `${COMMENTS}.includes('Annone')`);
    await ann.waitFor(`document.querySelector('.comments input').value === ''`, WAIT_MS);
    const waits = `document.querySelector('.comments small').textContent === 'Slow mode: one comment in 5 s.'`;
    await again(ann, [write('four')], ann, waits);
    await again(moderator, [press('Room …'), press('End slow mode')], ann, `${WRITE_HERE} === 'Say something'`);
    await again(ann, [press('Heart')], moderator, 'hayate.reactions > 0');
    await ann.waitFor('hayate.reactions > 0', WAIT_MS);
    await moderator.evaluate(show('chat'));
    await moderator.waitFor(pressable('About the comment of Ann'), WAIT_MS);
    await moderator.evaluate(press('About the comment of Ann'));
    expect(await moderator.evaluate(`document.querySelector('dialog.menu').open`)).toBe(true);
    await again(moderator, [press('Delete comment')], ann, `!${COMMENTS}.includes('Annone')`);

    await moderator.evaluate(show('people'));
    await again(moderator, [openMenu('Ann'), press('Mute')], moderator, `${NOTICE}.includes('is muted')`);
    const muted = `document.querySelector('.comments small').textContent.includes('muted you')`;
    await again(ann, [write('two')], ann, muted);
    await moderator.waitFor(`document.querySelector('.people li .muted')`, WAIT_MS);
    await again(moderator, [openMenu('Ann'), press('Unmute')], moderator, `${NOTICE}.includes('write again')`);

    await again(ann, [write('three')], moderator, `${COMMENTS}.includes('Annthree')`);
    expect(await moderator.evaluate(COMMENTS)).not.toContain('Anntwo');
    expect(await moderator.evaluate(COMMENTS)).not.toContain('Annfour');

    await again(moderator, [openMenu('Ann'), press('Send out')], ann, `hayate.ended === 'kicked'`);
    expect(await ann.evaluate(pressable('Come back'))).toBe(true);
    const door = `${rig.relay.httpAddress}/?room=town&name=Ann`;
    await ann.goto(door);
    await ann.waitFor('window.hayate?.state === "open"', WAIT_MS);
    await moderator.waitFor('hayate.people === 2', WAIT_MS);
    await again(moderator, [openMenu('Ann'), insist('Ban')], ann, `window.hayate?.ended === 'banned'`);
    await ann.goto(door);
    await ann.waitFor(`window.hayate?.ended === 'banned' && hayate.sessions === 0`, WAIT_MS);
    // Somebody else is let in: it was she, not the door.
    const bo = await open('?room=town&name=Bo');
    await again(moderator, [press('Room …'), insist('Close the room')], bo, `hayate.ended === 'room_closed'`);
    await moderator.waitFor(`hayate.ended === 'room_closed'`, WAIT_MS);
  }, 180_000);

  it('lets a viewer ask to speak and speak: all others hear and see it, until the seat is taken back', async () => {
    const liver = await open('?room=talk&role=liver&name=Mio');
    await pressWhenPossible(liver, 'Go live', WAIT_MS);
    const guest = await open('?room=talk&name=Guest');
    // Somebody else in the room; a third page would take the time that the voice needs.
    const viewer = await rig.watch('talk');
    await viewer.until(() => viewer.room.livers.size === 1);
    const asks = `document.querySelector('#tab-people').textContent.includes('1 asking')`;
    await again(guest, [press('Ask to speak')], liver, asks);
    expect(await guest.evaluate(pressable('Start speaking'))).toBe(false);
    await liver.evaluate(show('people'));
    await again(liver, [press('Let Guest speak')], guest, pressable('Start speaking'));
    expect(viewer.room.livers.size).toBe(1);
    await guest.evaluate(`document.querySelector('.speak select').value = 'performer'`);
    await again(guest, [press('Start speaking')], guest, `hayate.speaking === 'speaking'`);
    await liver.waitFor(`document.querySelector('.stage').textContent.includes('Guest')`, WAIT_MS);
    await viewer.until(() => viewer.room.livers.size === 2);
    const { slot } = [...viewer.room.livers.values()].find(({ name }) => name === 'Guest')!;
    await viewer.until(() => viewer.units(slot).motion > 20 && viewer.units(slot).voice > 20);
    // The liver's page hears nobody but the guest.
    await liver.waitFor('hayate.slots.length === 1 && hayate.voicePackets > 20 && hayate.samplesPlayed > 0', WAIT_MS);
    await again(liver, [openMenu('Guest'), press('Take the seat back')], guest, `hayate.speaking === 'idle'`);
    await viewer.until(() => viewer.room.livers.size === 1);
    await liver.waitFor('hayate.slots.length === 0', WAIT_MS);
  }, 180_000);

  it('stays within a phone, with room for a finger, in light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const size = { width: 360, height: 740 };
      const page = await open(`?room=small&role=moderator`, { viewport: size, touch: true, colorScheme });
      for (const tab of ['chat', 'people', 'figures'] as const) {
        await page.evaluate(show(tab));
        const seen = JSON.parse(
          await page.evaluate<string>(`JSON.stringify({
            wide: document.documentElement.scrollWidth,
            high: document.documentElement.scrollHeight,
            small: [...document.querySelectorAll('button, select, input')].filter((b) => b.checkVisibility()).map((b) => {
              const { width, height } = b.getBoundingClientRect();
              return [b.textContent, width, height];
            }).filter(([, width, height]) => width < 44 || height < 44),
          })`),
        );
        expect({ tab, ...seen }).toEqual({ tab, wide: size.width, high: size.height, small: [] });
      }
      await page.close();
    }
  }, 180_000);

  it('renews its pass while it is here', async () => {
    const page = await open('?room=pass&ttl=5');
    await page.waitFor(`hayate.refreshed >= 2`, WAIT_MS);
    const seen = await page.evaluate('({ state: hayate.state, sessions: hayate.sessions, errors: hayate.errors })');
    expect(seen).toEqual({ state: 'open', sessions: 1, errors: [] });
  }, 60_000);
});
