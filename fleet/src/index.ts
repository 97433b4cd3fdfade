export { planCosts, readMeasured, readTraffic, viewerHoursOf } from '../budget/plan.ts';
export { type FleetConfig, readFleetConfig } from '../config/fleet.ts';
export { type ControlConfig, readControlConfig } from '../config/schema.ts';
export { type Agreed, agree } from '../enrol/agent.ts';
export { MACHINE_ID } from '../enrol/desk.ts';
export { ImageWorkshop, type ImageWorkshopOptions } from '../images/images.ts';
export type { FleetStatus } from '../run/fleet.ts';
export { type RunningFleet, startFleet } from '../service/open.ts';
export { type Control, openLinode, openTokens, startControl } from './control.ts';
