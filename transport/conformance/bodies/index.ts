import type { Body } from '../run.ts';
import { engineBody } from './engine.ts';
import { hybrid } from './hybrid.ts';
import { memory } from './memory.ts';
import { webSocket } from './websocket.ts';

/** Every body that runs without a browser. */
export const nodeBodies: Body[] = [memory, engineBody('fast'), engineBody('portable'), webSocket, hybrid];
