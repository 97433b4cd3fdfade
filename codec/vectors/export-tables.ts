/**
 * `node codec/vectors/export-tables.ts > face-1.json`: everything that docs/motion-codec.md keeps in data, for clients in
 * other languages.
 */
import { writeSync } from 'node:fs';
import { ARKIT_CHANNELS } from '../motion/channels.ts';
import layout from '../motion/face/layout.json' with { type: 'json' };
import * as common from '../motion/face/tables/common.ts';
import { TABLE as hi } from '../motion/face/tables/hi.ts';
import { TABLE as lo } from '../motion/face/tables/lo.ts';
import { TABLE as std } from '../motion/face/tables/std.ts';

writeSync(1, `${JSON.stringify({ order: ARKIT_CHANNELS, ...layout, ...common, models: { hi, std, lo } })}\n`);
