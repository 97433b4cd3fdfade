import { describe, expect, it } from 'vitest';
import { opusPacketSamples, readOpusFile } from './ogg.ts';
import { concat, opusHead, page, simplePage, TAGS, text } from './test/ogg-writer.ts';

/** CELT fullband 20 ms, one frame. */
const TOC_20_MS = 31 << 3;

function sound(length: number): Uint8Array {
  const packet = Uint8Array.from({ length }, (_, i) => (i * 7) & 255);
  packet[0] = TOC_20_MS;
  return packet;
}

describe('Ogg Opus', () => {
  it('reads packets, pre-skip and durations', () => {
    const [a, b, c] = [sound(40), sound(255), sound(600)];
    const body = concat(a, b, c);
    const file = concat(simplePage(opusHead()), simplePage(TAGS), page({ lacing: [40, 255, 0, 255, 255, 90], body }));
    expect(readOpusFile(file)).toEqual({
      channels: 1,
      preSkip: 312,
      packets: [a, b, c].map((data) => ({ data, samples: 960 })),
    });
  });

  it('joins a packet over three pages and skips another stream between', () => {
    const long = sound(255 * 3 + 20);
    const after = sound(11);
    const file = concat(
      simplePage(opusHead(2)),
      simplePage(TAGS),
      page({ lacing: [255], body: long.subarray(0, 255) }),
      simplePage(text('some video'), 8),
      page({ continued: true, lacing: [255], body: long.subarray(255, 510) }),
      page({ continued: true, lacing: [255, 20, 11], body: concat(long.subarray(510), after) }),
    );
    const read = readOpusFile(file);
    expect(read.channels).toBe(2);
    expect(read.packets.map((packet) => packet.data)).toEqual([long, after]);
  });

  it('drops a packet whose end or start is missing', () => {
    const whole = sound(9);
    const file = concat(
      simplePage(opusHead()),
      simplePage(TAGS),
      page({ lacing: [255], body: sound(255) }),
      page({ lacing: [9], body: whole }),
      page({ lacing: [255], body: sound(255) }),
    );
    expect(readOpusFile(file).packets.map((packet) => packet.data)).toEqual([whole]);
    const orphan = concat(
      simplePage(opusHead()),
      simplePage(TAGS),
      page({ continued: true, lacing: [30, 9], body: concat(sound(30), whole) }),
    );
    expect(readOpusFile(orphan).packets.map((packet) => packet.data)).toEqual([whole]);
  });

  it.each([
    [Uint8Array.of((3 << 3) | 0), 2880],
    [Uint8Array.of((12 << 3) | 0), 480],
    [Uint8Array.of((13 << 3) | 1), 1920],
    [Uint8Array.of((16 << 3) | 0), 120],
    [Uint8Array.of((31 << 3) | 3, 3), 2880],
  ])('knows the samples of %j', (packet, samples) => {
    expect(opusPacketSamples(packet)).toBe(samples);
  });

  it('gives a typed error at every truncation', () => {
    const file = concat(simplePage(opusHead()), simplePage(TAGS), simplePage(sound(300)));
    expect(readOpusFile(file).packets).toHaveLength(1);
    for (let length = 0; length < file.length; length++) {
      expect(() => readOpusFile(file.subarray(0, length)), `${length} bytes`).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
  });

  it.each([
    [
      'a flipped bit',
      () => {
        const p = simplePage(opusHead());
        p[30]! ^= 1;
        return p;
      },
      'wrong checksum',
    ],
    ['not Ogg', () => text('RIFF and so on, more than twenty-seven bytes'), 'no page'],
    ['Vorbis', () => simplePage(text('\x01vorbis and enough bytes to be one')), 'no OpusHead'],
    ['six channels', () => concat(simplePage(opusHead(6)), simplePage(TAGS)), '6 channels'],
    [
      'an endless packet',
      () =>
        concat(
          simplePage(opusHead()),
          simplePage(TAGS),
          ...Array.from({ length: 2 }, (_, i) =>
            page({ continued: i > 0, lacing: Array<number>(255).fill(255), body: new Uint8Array(255 * 255) }),
          ),
        ),
      'more than 61440',
    ],
    [
      '121 ms',
      () => concat(simplePage(opusHead()), simplePage(TAGS), simplePage(Uint8Array.of((3 << 3) | 3, 63))),
      '120 ms',
    ],
  ])('refuses %s', (_, make, why) => {
    expect(() => readOpusFile(make())).toThrow(expect.objectContaining({ message: expect.stringContaining(why) }));
  });
});
