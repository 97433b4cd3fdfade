export { type ControlConfig, readControlConfig } from '../config/schema.ts';
export { type Agreed, agree } from '../enrol/agent.ts';
export { MACHINE_ID } from '../enrol/desk.ts';
export { type Control, openTokens, startControl } from './control.ts';
