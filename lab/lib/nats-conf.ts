/** What tells one NATS server of a cluster from another. Places are `HOST:PORT`. */
export interface NatsConf {
  name: string;
  /** Also its JetStream domain. */
  region: string;
  listen: { client: string; monitor: string; leaf: string; route: string };
  /** Folder of JetStream. */
  store: string;
  /** Other servers of the region. */
  routes: readonly string[];
  /** Servers of each region that this one dials. */
  remotes: readonly (readonly string[])[];
  /** Folder with what infra/push.ts brings. Undefined: in clear, and everybody is taken. */
  keys: string | undefined;
  syncInterval: 'always' | '2m';
  /** How long until a leafnode is dialled again. Default: the server's own. */
  leafReconnect?: string;
}

/** A server's configuration. Claim deploy.1 compares it with what Terraform renders. */
export function natsConf(conf: NatsConf): string {
  const { name, region, listen, store, routes, remotes, keys, syncInterval, leafReconnect } = conf;
  const quoted = (places: readonly string[], scheme: string) =>
    places.map((place) => `"${scheme}://${place}"`).join(', ');
  const own = `cert_file: "${keys}/nats.pem", key_file: "${keys}/nats.key"`;
  const mutual = `tls { ${own}, ca_file: "${keys}/nats-ca.pem", verify: true }`;
  const user =
    keys === undefined ? '' : `, credentials: "${keys}/nats.creds", ${mutual}\n    include "nats-leaf.conf"\n `;
  return [
    `server_name: "${name}"`,
    `listen: "${listen.client}"`,
    `http: "${listen.monitor}"`,
    'lame_duck_duration: "30s"',
    `jetstream { domain: "${region}", store_dir: "${store}", sync_interval: ${syncInterval} }`,
    ...(keys === undefined ? [] : ['include "nats-accounts.conf"', `tls { ${own} }`]),
    'leafnodes {',
    `  listen: "${listen.leaf}"`,
    '  no_advertise: true',
    ...(leafReconnect === undefined ? [] : [`  reconnect: "${leafReconnect}"`]),
    ...(keys === undefined ? [] : [`  ${mutual}`]),
    `  remotes: [${remotes.map((places) => `{ urls: [${quoted(places, 'nats-leaf')}]${user} }`).join(', ')}]`,
    '}',
    ...(routes.length === 0
      ? []
      : [
          `cluster { name: "${region}", listen: "${listen.route}", routes: [${quoted(routes, 'nats-route')}]${keys === undefined ? '' : `, ${mutual}`} }`,
        ]),
    '',
  ].join('\n');
}
