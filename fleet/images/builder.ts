import { readFileSync } from 'node:fs';

export interface Release {
  url: string;
  /** Of the archive, hexadecimal. */
  sha256: string;
}

const SHA256 = /^[0-9a-f]{64}$/;
const URL_CHARACTERS = /^https?:\/\/[^\s'"\\]+$/;

/** Whether it can stand in a shell's quotes. */
export function isRelease({ url, sha256 }: Release): boolean {
  return SHA256.test(sha256) && URL_CHARACTERS.test(url);
}

/**
 * user_data of a machine that becomes an image: it installs a release as a relay does at its first boot, forgets who it is, and powers
 * itself off. One list joined by &&: after anything that fails it stays on, and is no image.
 */
export function builderUserData(release: Release): string {
  const fetchScript = readFileSync(new URL('../../infra/machine/fetch.sh', import.meta.url), 'utf8');
  const steps = [
    `/usr/local/sbin/hayate-fetch '${release.url}' ${release.sha256} /opt/hayate`,
    '/opt/hayate/infra/machine/install.sh relay',
    // Nothing that one machine has may be in two: keys of SSH, the machine's id, what cloud-init knows of this boot.
    'rm -rf /etc/hayate/* /etc/ssh/ssh_host_*',
    'truncate -s 0 /etc/machine-id',
    'cloud-init clean --logs',
    'sync',
    'systemctl poweroff',
  ];
  const config = {
    ...{ ssh_pwauth: false, package_update: true, packages: ['ca-certificates', 'curl'] },
    write_files: [{ path: '/usr/local/sbin/hayate-fetch', permissions: '0755', content: fetchScript }],
    runcmd: [steps.join(' && ')],
  };
  // JSON is YAML.
  return `#cloud-config\n${JSON.stringify(config)}\n`;
}
