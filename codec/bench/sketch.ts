// node codec/bench/sketch.ts FILE.csv... : writes folds/seen.json for the recordings that the models are trained on, and
// folds/index.ts for the models that lie in folds/.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readRecording } from './recording.ts';
import { type Seen, sketchOf } from './seen.ts';

/** Who a recording shows, where its name does not say it. */
const PEOPLE: Record<string, string> = {
  alex_rom_3: 'alex',
  alex_rom_4: 'alex',
  'S88-001': 's88',
  facial: 'unknown-facial',
  llv_dao: 'dao',
};

const folder = join(import.meta.dirname, 'folds');

function seenOf(paths: string[]): Seen {
  const recordings = paths.map((path) => {
    const name = basename(path, '.csv');
    const { frames, fps } = readRecording({ name: path, text: readFileSync(path, 'utf8') });
    const face_frames = frames.filter((frame) => frame.face).length;
    return { name, person: PEOPLE[name] ?? name, fps, face_frames, sketch: sketchOf(frames) };
  });
  return { recordings: recordings.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function formatSeen(seen: Seen): string {
  return `{\n "recordings": [\n${seen.recordings.map((each) => `  ${JSON.stringify(each)}`).join(',\n')}\n ]\n}\n`;
}

function formatIndex(names: string[]): string {
  const lines = names.map((name, n) => `import fold${n} from './${name}';`);
  const list = names.map((_, n) => `fold${n}`).join(', ');
  return [
    '// Made by codec/bench/sketch.ts; do not edit.',
    "import type { FoldFile } from '../seen.ts';",
    ...lines,
    '',
    '/** Models for measuring: each was trained without some recordings. */',
    `export const FOLDS: readonly FoldFile[] = [${list}];`,
    '',
  ].join('\n');
}

const paths = process.argv.slice(2);
if (paths.length > 0) writeFileSync(join(folder, 'seen.json'), formatSeen(seenOf(paths)));
const models = readdirSync(folder).filter((name) => name.endsWith('.ts') && name !== 'index.ts');
writeFileSync(join(folder, 'index.ts'), formatIndex(models.sort()));
