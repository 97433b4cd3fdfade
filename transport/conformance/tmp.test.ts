import { memory } from './bodies/memory.ts';
import { webSocket } from './bodies/websocket.ts';
import { runConformance } from './suite.ts';

runConformance(memory);
runConformance(webSocket);
