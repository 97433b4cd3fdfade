// For siblings of this repository: may change at any time.

export { figuresOf } from '../budget/figures.ts';
export { emptyTransfer, forecastTransfer, observeTransfer, type TransferMemory } from '../budget/transfer.ts';
export { type AcmeOptions, openAccount, orderCertificate } from '../certificate/acme.ts';
export { commandDns } from '../certificate/dns.ts';
export { controlSchema } from '../config/schema.ts';
export { filled } from '../enrol/files.ts';
export { filledUserData } from '../enrol/user-data.ts';
export * from '../linode/index.ts';
export { Linode } from '../linode/index.ts';
export { linodeProvider } from '../provider/linode.ts';
export { LocalMachines } from '../provider/local.ts';
export { type Machine, type NewMachine, type Provider, ProviderError } from '../provider/types.ts';
export { Fleet, type FleetOptions, type Placed } from '../run/fleet.ts';
export type { ForecastMemory } from '../scale/forecast.ts';
export { Forecast } from '../scale/forecast.ts';
export type { FleetState } from '../scale/types.ts';
export { natsStore } from '../store/nats.ts';
export { MemoryStore, type Store } from '../store/store.ts';
