import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { AcmeAccount, CertificatePair } from './acme.ts';

export interface KeeperOptions {
  /** Keeps cert.pem, cert.key and the account. */
  dir: string;
  /** Name of the account's file: another authority has another one. */
  accountFile: string;
  /** Names that the certificate must have; one with others is ordered anew. */
  names: readonly string[];
  openAccount(): Promise<AcmeAccount>;
  order(account: AcmeAccount): Promise<CertificatePair>;
  clock: KeeperClock;
  random(): number;
  log: Logger;
}

export interface KeeperClock {
  nowMs(): number;
  /** Gives the way to cancel it. */
  after(ms: number, callback: () => void): () => void;
}

/** Authorities count failures by the hour. */
const RETRY_MS = 5 * 60_000;
const MAX_RETRY_MS = 6 * 3600_000;
/** setTimeout takes 31 bits; a machine that slept looks again soon. */
const MAX_WAIT_MS = 24 * 3600_000;

/** Has a valid certificate at all times: orders it, renews it when a third of its life is left, tries again after failures. */
export class CertificateKeeper {
  readonly #options: KeeperOptions;
  #pair: CertificatePair | undefined;
  #failures = 0;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    mkdirSync(options.dir, { recursive: true, mode: 0o700 });
    const [cert, key] = ['cert.pem', 'cert.key'].map((name) => this.#read(name));
    if (cert !== undefined && key !== undefined) this.#pair = { cert, key };
  }

  /** Undefined until the first one was ordered. */
  get pair(): CertificatePair | undefined {
    return this.#pair;
  }

  /** When the certificate is to be renewed, ms since 1970: at once when there is none or it has other names. */
  get dueMs(): number {
    if (!this.#pair) return 0;
    const leaf = new X509Certificate(this.#pair.cert);
    const names = (leaf.subjectAltName ?? '').split(', ').map((name) => name.replace(/^DNS:/, ''));
    if (this.#options.names.some((name) => !names.includes(name))) return 0;
    const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
    return to - (to - from) / 3;
  }

  start(): void {
    this.#arm(Math.max(0, this.dueMs - this.#options.clock.nowMs()));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #arm(waitMs: number): void {
    this.#cancel?.();
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(Math.min(waitMs, MAX_WAIT_MS), () => void this.#turn());
  }

  async #turn(): Promise<void> {
    const { clock, order, log, names, random } = this.#options;
    const dueInMs = this.dueMs - clock.nowMs();
    if (dueInMs > 0) return this.#arm(dueInMs);
    try {
      const pair = await order(await this.#account());
      // The key first: whoever reads both in between has a pair that does not fit, sees it, and reads again.
      this.#write('cert.key', pair.key);
      this.#write('cert.pem', pair.cert);
      this.#pair = pair;
      this.#failures = 0;
      log.info({ names, until: new X509Certificate(pair.cert).validToDate }, 'certificate ordered');
      this.#arm(Math.max(0, this.dueMs - clock.nowMs()));
    } catch (error) {
      const waitMs = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** this.#failures) * (0.75 + random() / 2);
      this.#failures += 1;
      log.error({ err: error, names, againInMs: Math.round(waitMs) }, 'certificate not ordered');
      this.#arm(waitMs);
    }
  }

  async #account(): Promise<AcmeAccount> {
    const { accountFile, openAccount } = this.#options;
    const present = this.#read(accountFile);
    if (present !== undefined) return JSON.parse(present) as AcmeAccount;
    const made = await openAccount();
    this.#write(accountFile, JSON.stringify(made));
    return made;
  }

  #read(name: string): string | undefined {
    const file = join(this.#options.dir, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  }

  #write(name: string, text: string): void {
    const file = join(this.#options.dir, name);
    writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  }
}
