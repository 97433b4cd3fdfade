export { type Admission, type AdmissionOptions, admit } from './admission.ts';
export { type DropReason, SessionCore } from './core.ts';
export { closeInfo, connectFailed, connectionLost, cutUtf8, sessionClosed } from './errors.ts';
export { onPeerStreams } from './peer-streams.ts';
export { type CondemnReason, type Dial, type RaceOptions, raceConnector, type Way } from './race.ts';
export type * from './types.ts';
