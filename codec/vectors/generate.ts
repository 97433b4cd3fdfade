import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allVectors, formatVectors } from './make/index.ts';

for (const [name, file] of Object.entries(allVectors())) {
  writeFileSync(join(import.meta.dirname, name), formatVectors(file));
  console.log(`${name}: ${file.cases.length} cases`);
}
