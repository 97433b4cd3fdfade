import { resolve } from 'node:path';
import type { RelayConfig } from '../config/schema.ts';
import { CertificateExpiries, type CertificateFiles } from './certificates.ts';
import { type KernelFigures, readKernel } from './kernel.ts';

/** What a scrape asks the machine for, beside the relay. */
export class MachineFigures {
  readonly #ports: readonly number[];
  readonly #certificates: CertificateExpiries;

  /** @param ports UDP ports that this relay listens on */
  constructor(config: RelayConfig, ports: readonly number[]) {
    this.#ports = ports;
    this.#certificates = new CertificateExpiries(certificateFiles(config));
  }

  async read(): Promise<{ kernel: KernelFigures | undefined; certificates: ReadonlyMap<string, number> }> {
    const [kernel, certificates] = await Promise.all([readKernel(this.#ports), this.#certificates.read()]);
    return { kernel, certificates };
  }
}

/** `public` or `self_made`: what clients see. `trunk`: what other relays see. */
function certificateFiles({ certificate, cluster, stateDir, transport }: RelayConfig): CertificateFiles {
  // Where the engine, or the server that stands in for it, keeps the one of its own.
  const own = resolve(stateDir, transport === 'websocket' ? 'websocket.pem' : 'current.pem');
  const { certFile, keyFile } = certificate;
  const seen = certFile === undefined || keyFile === undefined ? { self_made: own } : { public: certFile };
  const trunk = cluster.relayId === undefined ? undefined : cluster.certFile;
  return { ...seen, ...(trunk !== undefined && { trunk }) };
}
