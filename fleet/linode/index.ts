export type { AccountTransfer, LinodeAccount, LinodeEvent } from './account.ts';
export type { LinodeClock, LinodeFetch, LinodeOptions, LinodeRequest, LinodeResponse } from './caller.ts';
export type { Availability, LinodeRegion, LinodeType, TransferPrices } from './catalogue.ts';
export { Linode } from './client.ts';
export { LinodeError, type LinodeErrorCode, type LinodeReason } from './errors.ts';
export type { FirewallDevice, FirewallRule, LinodeFirewall, NewFirewall } from './firewalls.ts';
export type { LinodeImage, NewImage } from './images.ts';
export type {
  InstanceFilter,
  InstanceStatus,
  InstanceTransfer,
  LinodeDisk,
  LinodeInstance,
  NewInstance,
} from './instances.ts';
export type { NewPlacementGroup, PlacementGroup } from './placement.ts';
