/** What a machine is born with, for `hayate enrol`. */
export interface Birth {
  id: string;
  /** Of the control node: `https://ADDRESS:PORT`. */
  url: string;
  /** PEM of the cluster's authority. */
  ca: string;
  /** Good once, for ten minutes: what is in user_data stays there in clear. */
  token: string;
}

/**
 * user_data of a machine whose image has the release: a boot hook that leaves its birth for `hayate enrol`, which waits for the network
 * and so runs later. Boot hooks run at each boot: who has its certificate keeps its files.
 */
export function birthUserData(birth: Birth): string {
  const file = Buffer.from(JSON.stringify(birth)).toString('base64');
  return [
    '#cloud-boothook',
    '#!/bin/sh',
    'umask 077',
    `[ -e /etc/hayate/relay.pem ] || { mkdir -p /etc/hayate && echo '${file}' | base64 -d >/etc/hayate/enrol.json; }`,
    '',
  ].join('\n');
}
