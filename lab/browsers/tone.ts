import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Ten seconds of a tone that comes and goes, as a WAV file: what the microphone of a page hears. */
export function toneFile(folder: string): string {
  const rate = 48_000;
  const samples = Int16Array.from({ length: 10 * rate }, (_, n) => {
    const t = n / rate;
    return Math.sin(2 * Math.PI * 330 * t) * Math.sin(Math.PI * t) * 9000;
  });
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.byteLength, 40);
  const file = join(folder, 'tone.wav');
  writeFileSync(file, Buffer.concat([header, Buffer.from(samples.buffer)]));
  return file;
}
