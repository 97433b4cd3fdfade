import { pressWhenPossible, write } from '../browsers/demo.ts';
import type { BrowserPage } from '../browsers/index.ts';

/** Sound may wait for a slow machine; frames may not. */
export const WAIT_MS = 60_000;

/** Opens a page of a room and waits until it is in. */
export async function enter(page: BrowserPage, http: string, query: string): Promise<void> {
  await page.goto(`${http}/?${query}`);
  await page.waitFor('window.hayate?.state === "open"', WAIT_MS);
}

/** Goes live on a liver's page with the performer's face. */
export async function goLive(page: BrowserPage, voice: 'microphone' | 'performer'): Promise<void> {
  await page.waitFor(`document.querySelector('.setup select')`, WAIT_MS);
  await page.evaluate(`(() => {
    const select = [...document.querySelectorAll('.setup select')].find((each) => [...each.options].some(({ value }) => value === 'microphone'));
    select.value = ${JSON.stringify(voice)};
    select.dispatchEvent(new Event('change'));
    return true;
  })()`);
  await pressWhenPossible(page, 'Go live', WAIT_MS);
  await page.waitFor('hayate.sent.motion > 60 && hayate.sent.voice > 25', WAIT_MS);
}

export interface Visit {
  frames: number;
  voicePackets: number;
  comment: boolean;
  gift: number[];
  reactions: number;
}

/** Watches, comments, gives, reacts, as a person does; rejects when one of it does not show. `sounds`: the voice is played here. */
export async function takePart(page: BrowserPage, words: string, sounds = true): Promise<Visit> {
  await page.waitFor('hayate.framesShown > 60 && hayate.voicePackets > 50', WAIT_MS);
  if (sounds) await page.waitFor('hayate.samplesPlayed > 24000', WAIT_MS);
  await page.evaluate(`(() => { ${write(words)}; return true; })()`);
  const said = `[...document.querySelectorAll('.comments .own > span')].some((span) => span.textContent.endsWith(${JSON.stringify(words)}))`;
  await page.waitFor(said, WAIT_MS);
  await page.waitFor(`!document.querySelector('.gifts button').disabled`, WAIT_MS);
  await page.evaluate(`(document.querySelector('.gifts button').click(), true)`);
  await page.waitFor('hayate.giftsGiven > 0 && hayate.giftsShown.length > 0', WAIT_MS);
  await page.waitFor(`document.querySelector('.banner')`, WAIT_MS);
  await page.evaluate(`(document.querySelector('.reacts button').click(), true)`);
  await page.waitFor('hayate.reactions > 0', WAIT_MS);
  return page.evaluate<Visit>(
    `({ frames: hayate.framesShown, voicePackets: hayate.voicePackets, comment: ${said}, gift: hayate.giftsShown, reactions: hayate.reactions })`,
  );
}

/** What is wrong on a page's console: errors and exceptions, not warnings. */
export function wrongLines(page: BrowserPage): string[] {
  return page.console.filter(({ level }) => level === 'error' || level === 'exception').map(({ text }) => text);
}

/** Whether `wrongLines` would see an error of the page. */
export async function seesErrors(page: BrowserPage): Promise<boolean> {
  await page.evaluate(`(setTimeout(() => { throw new Error('wrong on purpose'); }), true)`);
  await page.waitFor(`hayate.errors.some((error) => error.includes('wrong on purpose'))`, WAIT_MS);
  const until = performance.now() + 5000;
  while (performance.now() < until) {
    if (wrongLines(page).some((text) => text.includes('wrong on purpose'))) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

export interface Drawing {
  where: string;
  frames_per_s: number;
  ms_per_frame: number;
  left_out_per_s: number;
  canvas: string;
}

/** What drawing costs over some seconds. */
export async function drawing(page: BrowserPage, seconds: number): Promise<Drawing> {
  interface Seen {
    where: string;
    drawn: number;
    skipped: number;
    drawMs: number;
    atMs: number;
    canvas: string;
  }
  const look = () =>
    page.evaluate<Seen>(`(() => {
      const { width, height } = document.querySelector('.liver canvas');
      return { ...hayate.drawing(), atMs: performance.now(), canvas: width + 'x' + height };
    })()`);
  const before = await look();
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const after = await look();
  const passed = (after.atMs - before.atMs) / 1000;
  const drawn = after.drawn - before.drawn;
  return {
    where: after.where,
    frames_per_s: tenth(drawn / passed),
    ms_per_frame: tenth((after.drawMs - before.drawMs) / Math.max(1, drawn)),
    left_out_per_s: tenth((after.skipped - before.skipped) / passed),
    canvas: after.canvas,
  };
}

const tenth = (value: number) => Math.round(value * 10) / 10;

/** Names of people, of this project, of techniques; units. */
const SAME_EVERYWHERE =
  /Hayate|English|Mio|Ann|guest-[\da-f]+|Web(?:Transport|GL|Socket)|VRM|Worker|canvas|demo|p\d+|ms|kbit|kB|\d+ ?[a-z%]+|https?:\S+|CSV|Live Link Face/g;

/** Words in Latin letters that a page in Japanese still shows or reads out. */
export function strangeWords(page: BrowserPage): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const seen = new Set();
    const add = (text) => {
      const left = (text ?? '').replace(${SAME_EVERYWHERE}, ' ');
      if (/[A-Za-z]{3,}/.test(left)) seen.add(text.trim());
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const holder = node.parentElement;
      if (holder.closest('script, noscript, .log, [lang="en"]') || !holder.checkVisibility()) continue;
      add(node.data);
    }
    for (const element of document.querySelectorAll('[aria-label], [placeholder], [title]')) {
      if (element.closest('.log') || !element.checkVisibility()) continue;
      for (const name of ['aria-label', 'placeholder', 'title']) add(element.getAttribute(name));
    }
    return [...seen];
  })()`);
}
