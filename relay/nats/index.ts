export {
  accountIn,
  accountsConf,
  leafConf,
  makeTrust,
  type NatsPermissions,
  type NatsTrust,
  readCreds,
  type UserOptions,
  userCreds,
  userJwt,
} from './accounts.ts';
export { FLEET, FLEET_INBOX, fleetPermissions, relayPermissions } from './permissions.ts';
