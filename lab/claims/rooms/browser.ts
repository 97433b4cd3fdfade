import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publish, watch } from '@hayate/client';
import { mintToken, readSharedKey } from '@hayate/relay';
import { press, pressable, pressWhenPossible, show, write } from '../../browsers/demo.ts';
import {
  type BrowserPage,
  type ChromiumOptions,
  findBrowsers,
  launchChromium,
  servePages,
} from '../../browsers/index.ts';
import { bundle } from '../../browsers/serve.ts';
import { toneFile } from '../../browsers/tone.ts';
import { type RelayProcess, startRelayProcess } from '../../lib/relay-process.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const WAIT_MS = 30_000;
/** A relay reads its set of keys again after 1 s. */
const SET_MS = 1200;
const PASS_SECONDS = 8;

/** The public keys that the relay reads, and what signs with each. */
class Keys {
  readonly file: string;
  readonly #pairs = new Map<string, { privateKey: KeyObject; publicKey: KeyObject }>();

  constructor(folder: string) {
    this.file = join(folder, 'tokens.jwks');
  }

  publish(...kids: string[]): void {
    const keys = kids.map((kid) => ({ ...this.#pair(kid).publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA' }));
    writeFileSync(`${this.file}.new`, JSON.stringify({ keys }));
    renameSync(`${this.file}.new`, this.file);
  }

  /** As an app's backend signs it. */
  token(kid: string): string {
    const exp = Math.floor(Date.now() / 1000) + 300;
    const parts = [
      { alg: 'EdDSA', kid },
      { sub: `of-${kid}`, room: 'keys', roles: ['viewer'], exp },
    ];
    const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${text}.${sign(null, Buffer.from(text), this.#pair(kid).privateKey).toString('base64url')}`;
  }

  #pair(kid: string) {
    const pair = this.#pairs.get(kid) ?? generateKeyPairSync('ed25519');
    this.#pairs.set(kid, pair);
    return pair;
  }
}

interface Stand {
  checks: Checks;
  relay: RelayProcess;
  folder: string;
  open(query: string, options?: ChromiumOptions): Promise<BrowserPage>;
}

const comments = (page: BrowserPage) =>
  page.evaluate<string[]>(`[...document.querySelectorAll('.comments li > span')].map((span) => span.textContent)`);
const aboutAnn = press('What to do about Ann');

async function speaking({ checks, relay, folder, open }: Stand): Promise<BrowserPage[]> {
  const liver = await open('?room=demo-room&role=liver&name=Mio');
  await pressWhenPossible(liver, 'Go live', WAIT_MS);
  const viewer = await open('?room=demo-room&name=Ann');
  const guest = await open('?room=demo-room&name=Bo', { fakeMic: toneFile(folder) });
  await viewer.waitFor('hayate.slots.length === 1 && hayate.framesShown > 30', WAIT_MS);
  // Control: a viewer that was granted nothing.
  const { url, hash, token } = await relay.tokens('demo-room');
  const intruder = publish({ url, certificateHashes: [hash], token });
  const refused = await intruder.ready.then(
    () => 'published',
    ({ code }) => code as string,
  );
  await intruder.close();
  checks.figure('publishing without a grant', refused);
  checks.check(refused === 'not_permitted', `without a grant: ${refused}`);
  const silent = await liver.evaluate<number>('hayate.samplesPlayed');

  await guest.evaluate(press('Ask to speak'));
  await liver.waitFor(`document.querySelector('#tab-people').textContent.includes('1 asking')`, WAIT_MS);
  await liver.evaluate(show('people'));
  await liver.evaluate(press('Let Bo speak'));
  await guest.waitFor(pressable('Start speaking'), WAIT_MS);
  await guest.evaluate(press('Start speaking'));
  await liver.waitFor('hayate.voicePackets > 50 && hayate.samplesPlayed > 24000', WAIT_MS);
  await viewer.waitFor('hayate.slots.length === 2', WAIT_MS);
  // A third party judges what comes: the tone, and a face that moves.
  const judge = watch({ url, certificateHashes: [hash], token });
  const heard = { motion: 0, voice: 0, moved: false };
  const slot = await viewer.evaluate<number>('hayate.slots[1]');
  let before: string | undefined;
  judge.onVoice((unit) => {
    if (unit.slot === slot) heard.voice += 1;
  });
  const enough = Promise.withResolvers<void>();
  judge.onFrame((unit) => {
    if (unit.slot !== slot) return;
    heard.motion += 1;
    const face = unit.frame.values.join();
    heard.moved ||= before !== undefined && before !== face;
    before = face;
    if (heard.motion > 60 && heard.voice > 25) enough.resolve();
  });
  const timer = setTimeout(() => enough.reject(new Error(`of the guest came ${JSON.stringify(heard)}`)), WAIT_MS);
  await enough.promise.finally(() => clearTimeout(timer));
  judge.close();
  const samples = await liver.evaluate<number>('hayate.samplesPlayed');
  checks.figure('the guest as others have it', { ...heard, samplesOnTheLiversPage: [silent, samples] });
  checks.check(silent === 0, 'the liver’s page sounded before anybody else spoke');
  checks.check(heard.moved, 'the face of the guest does not move');
  await liver.evaluate(press('What to do about Bo'));
  await liver.evaluate(press('Take the seat back'));
  await viewer.waitFor('hayate.slots.length === 1', WAIT_MS);
  await guest.waitFor(`hayate.speaking === 'idle'`, WAIT_MS);
  return [liver, viewer, guest];
}

async function moderation({ checks, open }: Stand, liver: BrowserPage, ann: BrowserPage): Promise<void> {
  const moderator = await open('?room=demo-room&role=moderator&name=Mod');
  await ann.evaluate(write('hello from Ann'));
  await liver.waitFor(`document.querySelector('.comments')?.textContent.includes('hello from Ann')`, WAIT_MS);
  checks.check((await ann.evaluate<number>('hayate.reactions')) === 0, 'a reaction before anybody reacted');
  await ann.evaluate(press('Heart'));
  for (const page of [liver, ann, moderator]) await page.waitFor('hayate.reactions === 1', WAIT_MS);

  await moderator.evaluate(show('people'));
  await moderator.waitFor(pressable('What to do about Ann'), WAIT_MS);
  await moderator.evaluate(aboutAnn);
  await moderator.evaluate(press('Mute'));
  await moderator.waitFor(`document.querySelector('#notice').textContent.includes('is muted')`, WAIT_MS);
  await ann.evaluate(write('muted words'));
  await ann.waitFor(`document.querySelector('.comments small').textContent.includes('muted you')`, WAIT_MS);
  await moderator.waitFor(`document.querySelector('.people li .muted')`, WAIT_MS);
  await moderator.evaluate(aboutAnn);
  await moderator.evaluate(press('Unmute'));
  await moderator.waitFor(`document.querySelector('#notice').textContent.includes('write again')`, WAIT_MS);
  await ann.evaluate(write('free words'));
  await liver.waitFor(`document.querySelector('.comments').textContent.includes('free words')`, WAIT_MS);
  const said = await comments(liver);
  checks.figure('comments on the liver’s page', said);
  checks.check(!said.some((text) => text.includes('muted words')), 'a muted comment was shown');

  await moderator.evaluate(aboutAnn);
  await moderator.evaluate(press('Send out'));
  const kicked = await ann.waitFor<string>('hayate.ended', WAIT_MS);
  const door = await ann.evaluate<string>('location.href');
  await ann.goto(door);
  await ann.waitFor(`window.hayate?.state === 'open'`, WAIT_MS);
  await moderator.waitFor(pressable('What to do about Ann'), WAIT_MS);
  await moderator.evaluate(aboutAnn);
  await moderator.evaluate(press('Ban'));
  await moderator.evaluate(press('Ban: sure?'));
  const banned = await ann.waitFor<string>('window.hayate?.ended', WAIT_MS);
  await ann.goto(door);
  const again = await ann.waitFor<string>('window.hayate?.ended', WAIT_MS);
  const others = await liver.evaluate<string>('hayate.state');
  checks.figure('sent out, came back, banned, tried again; the liver meanwhile', [
    kicked,
    'open',
    banned,
    again,
    others,
  ]);
  checks.check(kicked === 'kicked' && banned === 'banned' && again === 'banned', 'not sent out and banned');
  checks.check(others === 'open', 'somebody else was ended too');
}

async function tokens({ checks, relay, folder, open }: Stand, keys: Keys): Promise<void> {
  const page = await open(`?room=demo-room&ttl=${PASS_SECONDS}`);
  const server = await servePages({
    '/page.js': { type: 'text/javascript', body: await bundle(new URL('./browser-page.ts', import.meta.url).pathname) },
  });
  const sdk = await launchChromium();
  try {
    const { url, hash } = await relay.tokens('keys');
    await sdk.goto(server.origin);
    await sdk.evaluate("import('/page.js').then(() => true)");
    const enter = async (token: string) => {
      const target = JSON.stringify({ url, certificateHashes: [hash], token });
      return sdk.evaluate<string>(`page.enter(${target})`);
    };
    // Control: the same lifetime, and nobody renews.
    const shared = readSharedKey(join(folder, 'token.key'));
    const short = { room: 'keys', sub: 'short', roles: ['viewer'] as const, ttlSeconds: PASS_SECONDS };
    const entered = await enter(await mintToken(shared, short));
    const ended = await sdk.waitFor<string>('page.ended', (PASS_SECONDS + 15) * 1000);
    await page.waitFor('hayate.refreshed >= 2', (PASS_SECONDS + 15) * 1000);
    const renewed = await page.evaluate<object>(
      '({ state: hayate.state, sessions: hayate.sessions, refreshed: hayate.refreshed })',
    );
    checks.figure(`passes of ${PASS_SECONDS} s: renewed, and not`, [renewed, entered, ended]);
    checks.check(ended === 'token_expired', `a session outlived its token: ${ended}`);
    const { state, sessions } = renewed as { state: string; sessions: number };
    checks.check(state === 'open' && sessions === 1, 'the renewing page lost its session');

    const rotation: Record<string, string> = {};
    rotation['old key'] = await enter(keys.token('old'));
    rotation['new key, before it is published'] = await enter(keys.token('new'));
    keys.publish('old', 'new');
    await new Promise((resolve) => setTimeout(resolve, SET_MS));
    rotation['new key, published'] = await enter(keys.token('new'));
    rotation['old key, still published'] = await enter(keys.token('old'));
    keys.publish('new');
    await new Promise((resolve) => setTimeout(resolve, SET_MS));
    // A set is read again behind the first token that finds it old.
    await enter(keys.token('new'));
    await new Promise((resolve) => setTimeout(resolve, SET_MS));
    rotation['old key, taken away'] = await enter(keys.token('old'));
    rotation['new key, alone'] = await enter(keys.token('new'));
    checks.figure('rotation of keys, the relay not restarted', rotation);
    const got = Object.values(rotation).map((how) => how === 'open');
    checks.check(got.join() === 'true,false,true,true,false,true', 'not the keys of the set, and they alone');
  } finally {
    await sdk.close();
    await server.close();
  }
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  if (findBrowsers().chromium === undefined) {
    checks.skip('chromium: not installed');
    return checks.outcome();
  }
  const folder = mkdtempSync(join(tmpdir(), 'hayate-room-pages-'));
  const keys = new Keys(folder);
  keys.publish('old');
  const keyFile = join(folder, 'token.key');
  writeFileSync(keyFile, 'the shared key of a development relay for an hour\n', { mode: 0o600 });
  const relay = await startRelayProcess(folder, ['--token-key-file', keyFile, '--token-jwks-file', keys.file]);
  const pages: BrowserPage[] = [];
  const open = async (query: string, options?: ChromiumOptions) => {
    const page = await launchChromium(options);
    pages.push(page);
    await page.goto(`${relay.http}/${query}`);
    await page.waitFor('window.hayate?.state === "open"', WAIT_MS);
    return page;
  };
  const stand = { checks, relay, folder, open };
  try {
    context.log('a viewer asks to speak, and speaks');
    const [liver, ann, guest] = await speaking(stand);
    checks.figure('browser', liver!.browser);
    await guest!.close();
    context.log('comments, reactions, mute, kick, ban');
    await moderation(stand, liver!, ann!);
    await Promise.all(pages.splice(0).map((page) => page.close()));
    context.log('tokens that end, and keys that change');
    await tokens(stand, keys);
  } finally {
    await Promise.all(pages.map((page) => page.close()));
    await relay.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return checks.outcome();
}

export const roomInBrowser: Claim = {
  id: 'rooms.4',
  title:
    'In Chromium, on the demo page: comment, react, ask to speak and speak with a microphone, mute, kick, ban; a pass that is renewed and one that ends; keys that change while the relay runs',
  seconds: 120,
  run,
};
