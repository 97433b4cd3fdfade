import { runConformance } from '@hayate/transport/conformance/suite';
import { browserBodies } from './bodies.ts';

for (const body of browserBodies) runConformance(body);
