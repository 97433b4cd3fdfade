import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, type ZstdOptions, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** Every frame of zstd begins with it, so that it need not be sent. */
const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const DICTIONARY_BYTES = 16_384;

/** Why no dictionary can be trained here; undefined when one can. */
export function zstdMissing(): string | undefined {
  const { error, status } = spawnSync('zstd', ['--version'], { stdio: 'ignore' });
  return error === undefined && status === 0 ? undefined : "no zstd command (Debian's zstd) to train a dictionary with";
}

/** `zstd --train` over samples of equal size, laid end to end in a file each recording. */
export function trainDictionary(samples: readonly Uint8Array[], sampleBytes: number): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-zstd-'));
  try {
    const files = samples.map((data, index) => {
      const file = join(folder, `${index}.samples`);
      writeFileSync(file, data);
      return file;
    });
    const output = join(folder, 'dictionary');
    const settings = ['--train', `-B${sampleBytes}`, `--maxdict=${DICTIONARY_BYTES}`, '--dictID=1', '-q'];
    execFileSync('zstd', [...settings, '-o', output, ...files], { stdio: ['ignore', 'ignore', 'pipe'] });
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One frame, level 19, without magic, content size, checksum and dictionary id: nothing is left to save. */
export function zstdPacket(data: Uint8Array, dictionary: Uint8Array): Uint8Array {
  const options: ZstdOptions = {
    dictionary,
    chunkSize: 1024,
    pledgedSrcSize: data.length,
    params: {
      [constants.ZSTD_c_compressionLevel]: 19,
      [constants.ZSTD_c_contentSizeFlag]: 0,
      [constants.ZSTD_c_checksumFlag]: 0,
      [constants.ZSTD_c_dictIDFlag]: 0,
    },
  };
  return zstdCompressSync(data, options).subarray(MAGIC.length);
}

export function unpackZstdPacket(packet: Uint8Array, dictionary: Uint8Array): Uint8Array {
  return zstdDecompressSync(Buffer.concat([MAGIC, packet]), { dictionary });
}
