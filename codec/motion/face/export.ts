/**
 * `node codec/motion/face/export.ts > face-1.json`: everything that docs/motion-codec.md keeps in data, for clients in
 * other languages.
 */
import { writeSync } from 'node:fs';
import { ARKIT_CHANNELS } from '../channels.ts';
import layout from './layout.json' with { type: 'json' };
import * as common from './tables/common.ts';
import { TABLE as hi } from './tables/hi.ts';
import { TABLE as lo } from './tables/lo.ts';
import { TABLE as std } from './tables/std.ts';

writeSync(1, `${JSON.stringify({ order: ARKIT_CHANNELS, ...layout, ...common, models: { hi, std, lo } })}\n`);
