import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addressOf, faultOf, fetchRecording, NOT_SERVED, RECORDINGS, type Recording } from './data.ts';

const good = new TextEncoder().encode('Timecode,BlendShapeCount\n');
const recording: Recording = {
  file: 'a.csv',
  repository: 'owner/name',
  commit: 'c'.repeat(40),
  path: 'anim/a.csv',
  bytes: good.length,
  sha256: createHash('sha256').update(good).digest('hex'),
  licence: 'MIT',
};

let folder: string;
let asked: string[];
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'hayate-data-')), 'motion');
  asked = [];
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

function fetchWith(answer: () => Response): ReturnType<typeof fetchRecording> {
  const fetch = async (url: string) => {
    asked.push(url);
    return answer();
  };
  return fetchRecording(recording, { folder, fetch, log: () => {} });
}

describe('fetchRecording', () => {
  it('writes what has the right sha256, from the commit', async () => {
    expect(await fetchWith(() => new Response(good))).toEqual({ file: 'a.csv', status: 'fetched', licence: 'MIT' });
    expect(asked).toEqual([`https://raw.githubusercontent.com/owner/name/${'c'.repeat(40)}/anim/a.csv`]);
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect(readFileSync(join(folder, 'a.csv'))).toEqual(Buffer.from(good));
  });

  it('asks for nothing and writes nothing when the file is good', async () => {
    await fetchWith(() => new Response(good));
    const before = statSync(join(folder, 'a.csv'), { bigint: true });
    expect(await fetchWith(() => new Response('other'))).toMatchObject({ status: 'present' });
    expect(asked).toHaveLength(1);
    expect(statSync(join(folder, 'a.csv'), { bigint: true }).mtimeNs).toBe(before.mtimeNs);
  });

  it.each([
    ['another content', good.map((byte) => byte ^ 1), /sha256/],
    ['another length', good.slice(1), /24 bytes instead of 25/],
  ])('refuses %s', async (_, data, reason) => {
    const outcome = await fetchWith(() => new Response(data));
    expect(outcome).toMatchObject({ status: 'refused', reason: expect.stringMatching(reason) });
    expect(existsSync(folder)).toBe(false);
  });

  it('replaces a bad file by a good one only', async () => {
    await fetchWith(() => new Response(good));
    writeFileSync(join(folder, 'a.csv'), 'cut');
    expect(await fetchWith(() => new Response('wrong'))).toMatchObject({ status: 'refused' });
    expect(readFileSync(join(folder, 'a.csv'), 'utf8')).toBe('cut');
    expect(await fetchWith(() => new Response(good))).toMatchObject({ status: 'fetched' });
    expect(readFileSync(join(folder, 'a.csv'))).toEqual(Buffer.from(good));
  });

  it('skips with the reason where the network does not allow it', async () => {
    const down = () => {
      throw new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND') });
    };
    expect(await fetchWith(down)).toMatchObject({ status: 'skipped', reason: expect.stringMatching(/ENOTFOUND/) });
    const gone = await fetchWith(() => new Response('', { status: 404 }));
    expect(gone).toMatchObject({ status: 'skipped', reason: expect.stringMatching(/HTTP 404/) });
    expect(existsSync(folder)).toBe(false);
  });
});

describe('the list', () => {
  it('names each file once, by a full commit and sha256', () => {
    const files = [...RECORDINGS, ...NOT_SERVED].map((each) => each.file);
    expect(new Set(files).size).toBe(files.length);
    for (const each of RECORDINGS) {
      expect(each.commit).toMatch(/^[0-9a-f]{40}$/);
      expect(each.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(new URL(addressOf(each)).pathname.endsWith(each.file)).toBe(true);
    }
  });

  const recordings = join(import.meta.dirname, '../../shared/data/motion');
  it('says of the recordings beside this checkout that they are good', (context) => {
    if (!existsSync(recordings)) context.skip('no recordings beside this checkout');
    for (const each of RECORDINGS) expect(faultOf(readFileSync(join(recordings, each.file)), each)).toBeUndefined();
  });
});
