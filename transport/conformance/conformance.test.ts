import { nodeBodies } from './bodies/index.ts';
import { runConformance } from './suite.ts';

for (const body of nodeBodies) runConformance(body);
