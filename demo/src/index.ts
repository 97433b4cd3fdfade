export { createNodeVoice, type NodeVoice, type NodeVoiceOptions } from '../liver/node-voice.ts';
export { createPerformer, type Performer, type PerformerOptions } from '../liver/performer.ts';
export { type Asset, demoAssets } from './assets.ts';
export { regionsPage } from './regions.ts';
