import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { press, pressable, show, write } from '../lab/browsers/demo.ts';
import type { BrowserPage } from '../lab/browsers/index.ts';
import { type DemoRig, noBrowser, startDemo, WAIT_MS } from './demo-rig.ts';

if (noBrowser) console.log(`SKIPPED the room of the demo page in a browser: ${noBrowser}`);

const COMMENTS = `[...document.querySelectorAll('.comments li')].map((li) => li.querySelector('span')?.textContent ?? li.textContent)`;
const NOTICE = `document.querySelector('#notice')?.textContent`;
const openMenu = (name: string) => press(`What to do about ${name}`);
/** Grave acts ask once more, in another text. */
const insist = (label: string) => `(${press(label)}, ${press(`${label}: sure?`)})`;

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

    await moderator.evaluate(press('Room …'));
    await moderator.evaluate(press('Slow mode'));
    await ann.waitFor(`document.querySelector('.comments input').placeholder.includes('slow mode: 5 s')`, WAIT_MS);
    await ann.evaluate(write('one'));
    await moderator.waitFor(`${COMMENTS}.includes('Annone')`, WAIT_MS);
    await ann.waitFor(`document.querySelector('.comments input').value === ''`, WAIT_MS);
    await ann.evaluate(write('four'));
    await ann.waitFor(
      `document.querySelector('.comments small').textContent === 'Slow mode: one comment in 5 s.'`,
      WAIT_MS,
    );
    await moderator.evaluate(press('Room …'));
    await moderator.evaluate(press('End slow mode'));
    await ann.waitFor(`document.querySelector('.comments input').placeholder === 'Say something'`, WAIT_MS);
    await ann.evaluate(press('Heart'));
    await moderator.waitFor('hayate.reactions === 1', WAIT_MS);
    await ann.waitFor('hayate.reactions === 1', WAIT_MS);
    await moderator.evaluate(show('chat'));
    await moderator.evaluate(press('About the comment of Ann'));
    expect(await moderator.evaluate(`document.querySelector('dialog.menu').open`)).toBe(true);
    await moderator.evaluate(press('Delete comment'));
    await ann.waitFor(`!${COMMENTS}.includes('Annone')`, WAIT_MS);

    await moderator.evaluate(show('people'));
    await moderator.evaluate(openMenu('Ann'));
    await moderator.evaluate(press('Mute'));
    await moderator.waitFor(`${NOTICE}.includes('is muted')`, WAIT_MS);
    await ann.evaluate(write('two'));
    await ann.waitFor(`document.querySelector('.comments small').textContent.includes('muted you')`, WAIT_MS);
    await moderator.waitFor(`document.querySelector('.people li .muted')`, WAIT_MS);
    await moderator.evaluate(openMenu('Ann'));
    await moderator.evaluate(press('Unmute'));
    await moderator.waitFor(`${NOTICE}.includes('write again')`, WAIT_MS);

    await ann.evaluate(write('three'));
    await moderator.waitFor(`${COMMENTS}.includes('Annthree')`, WAIT_MS);
    expect(await moderator.evaluate(COMMENTS)).not.toContain('Anntwo');
    expect(await moderator.evaluate(COMMENTS)).not.toContain('Annfour');

    await moderator.evaluate(openMenu('Ann'));
    await moderator.evaluate(press('Send out'));
    await ann.waitFor(`hayate.ended === 'kicked'`, WAIT_MS);
    expect(await ann.evaluate(pressable('Come back'))).toBe(true);
    const door = `${rig.relay.httpAddress}/?room=town&name=Ann`;
    await ann.goto(door);
    await ann.waitFor('window.hayate?.state === "open"', WAIT_MS);
    await moderator.waitFor('hayate.people === 2', WAIT_MS);
    await moderator.waitFor(pressable('What to do about Ann'), WAIT_MS);
    await moderator.evaluate(openMenu('Ann'));
    await moderator.evaluate(insist('Ban'));
    await ann.waitFor(`window.hayate?.ended === 'banned'`, WAIT_MS);
    await ann.goto(door);
    await ann.waitFor(`window.hayate?.ended === 'banned' && hayate.sessions === 0`, WAIT_MS);
    // Somebody else is let in: it was she, not the door.
    const bo = await open('?room=town&name=Bo');
    await moderator.evaluate(press('Room …'));
    await moderator.evaluate(insist('Close the room'));
    await bo.waitFor(`hayate.ended === 'room_closed'`, WAIT_MS);
    await moderator.waitFor(`hayate.ended === 'room_closed'`, WAIT_MS);
  }, 180_000);

  it('lets a viewer ask to speak and speak: all others hear and see it, until the seat is taken back', async () => {
    const liver = await open('?room=talk&role=liver&name=Mio');
    await liver.evaluate(press('Go live'));
    const guest = await open('?room=talk&name=Guest');
    // Somebody else in the room; a third page would take the time that the voice needs.
    const viewer = await rig.watch('talk');
    await viewer.until(() => viewer.room.livers.size === 1);
    await guest.evaluate(press('Ask to speak'));
    await liver.waitFor(`document.querySelector('#tab-people').textContent.includes('1 asking')`, WAIT_MS);
    expect(await guest.evaluate(pressable('Start speaking'))).toBe(false);
    await liver.evaluate(show('people'));
    await liver.evaluate(press('Let Guest speak'));
    await guest.waitFor(pressable('Start speaking'), WAIT_MS);
    expect(viewer.room.livers.size).toBe(1);
    await guest.evaluate(`document.querySelector('.speak select').value = 'performer'`);
    await guest.evaluate(press('Start speaking'));
    await guest.waitFor(`hayate.speaking === 'speaking'`, WAIT_MS);
    await liver.waitFor(`document.querySelector('.stage').textContent.includes('Guest')`, WAIT_MS);
    await viewer.until(() => viewer.room.livers.size === 2);
    const { slot } = [...viewer.room.livers.values()].find(({ name }) => name === 'Guest')!;
    await viewer.until(() => viewer.units(slot).motion > 20 && viewer.units(slot).voice > 20);
    // The liver's page hears nobody but the guest.
    await liver.waitFor('hayate.slots.length === 1 && hayate.voicePackets > 20 && hayate.samplesPlayed > 0', WAIT_MS);
    await liver.evaluate(openMenu('Guest'));
    await liver.evaluate(press('Take the seat back'));
    await guest.waitFor(`hayate.speaking === 'idle'`, WAIT_MS);
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
