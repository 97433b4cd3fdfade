import { bundleVectors } from './bundle.ts';
import { forwardVectors } from './forward.ts';
import type { VectorFile } from './hex.ts';
import { messageVectors } from './messages.ts';
import { missingVectors } from './missing.ts';
import { motionVectors } from './motion.ts';
import { probeVectors } from './probe.ts';
import { sequenceVectors } from './sequence.ts';
import { trunkVectors } from './trunk.ts';

/** Every vector file, by name. */
export function allVectors(): Record<string, VectorFile> {
  return {
    'bundle.json': bundleVectors(),
    'forward.json': forwardVectors(),
    'messages.json': messageVectors(),
    'missing.json': missingVectors(),
    'motion.json': motionVectors(),
    'probe.json': probeVectors(),
    'sequence.json': sequenceVectors(),
    'trunk.json': trunkVectors(),
  };
}

export function formatVectors(file: VectorFile): string {
  const cases = file.cases.map((each) => `    ${JSON.stringify(each)}`).join(',\n');
  return `{\n  "description": ${JSON.stringify(file.description)},\n  "cases": [\n${cases}\n  ]\n}\n`;
}
