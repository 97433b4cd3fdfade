import { HayateError } from '@hayate/codec/errors';
import type { Authority } from './authority.ts';
import { checkRequest } from './authority.ts';
import type { MachineFiles, MachineName } from './files.ts';
import type { EnrolmentTokens, Refusal } from './tokens.ts';

/** Whom a certificate names: `ID.relay.hayate`, as relays on both ends of a trunk look for. */
const SUFFIX = '.relay.hayate';
export const MACHINE_ID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const TEXT: Record<Refusal, string> = {
  unknown: 'nobody issued this token',
  late: 'the token is over ten minutes old',
  foreign: 'it is for another machine',
  replayed: 'another machine has used the token',
  revoked: 'this machine was put out',
};

/** A machine is not let in. `code`: `enrolment_refused`. */
export class EnrolmentRefused extends HayateError {
  readonly reason: Refusal;

  constructor(reason: Refusal) {
    super('enrolment_refused', `enrolment refused: ${TEXT[reason]}`);
    this.reason = reason;
  }
}

export interface DeskOptions {
  tokens: EnrolmentTokens;
  authority: Authority;
  certificateDays: number;
  nowMs(): number;
  /** What a machine has beside its certificate. */
  files(machine: MachineName): MachineFiles;
  /** Addresses of the machine with this label, by whoever made it; undefined: nobody knows it. Without: not checked. */
  addressesOf?(id: string): Promise<readonly string[] | undefined>;
}

/** Gives machines what they need to be relays: at first for a token, later for their certificate. */
export class EnrolmentDesk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /**
   * @param address where the request comes from
   * @throws EnrolmentRefused; HayateError `invalid_argument` for a bad request, `unavailable` (retryable) when nobody can say whose the address is
   */
  async enrol(asked: { id: string; token: string; csr: string }, address: string): Promise<MachineFiles> {
    const { tokens } = this.#options;
    const { id, token } = asked;
    const { publicKey, keyHash } = await checkRequest(asked.csr);
    // Before the token is used up: a stranger's guess at the address costs its owner nothing.
    await this.#checkAddress(id, address);
    const redeemed = tokens.redeem({ token, id, keyHash, address });
    if ('refused' in redeemed) throw new EnrolmentRefused(redeemed.refused);
    return this.#filesOf({ id, region: redeemed.region, address }, publicKey);
  }

  /** What a machine has by now, with a new certificate for the same key. @param peer whom its present certificate names, and its key */
  async renew(peer: { name: string; keyHash: Uint8Array }, csr: string): Promise<MachineFiles> {
    const id = peer.name.endsWith(SUFFIX) ? peer.name.slice(0, -SUFFIX.length) : '';
    const machine = this.#options.tokens.member(id, peer.keyHash);
    if ('refused' in machine) throw new EnrolmentRefused(machine.refused);
    const { publicKey, keyHash } = await checkRequest(csr);
    if (Buffer.compare(keyHash, peer.keyHash) !== 0) {
      throw new HayateError('invalid_argument', 'a certificate is renewed for the key that it had');
    }
    return this.#filesOf(machine, publicKey);
  }

  async #checkAddress(id: string, address: string): Promise<void> {
    const { addressesOf } = this.#options;
    if (!addressesOf) return;
    const addresses = await addressesOf(id);
    if (!addresses?.includes(address)) throw new EnrolmentRefused('foreign');
  }

  async #filesOf(machine: MachineName, publicKey: Parameters<Authority['issue']>[0]): Promise<MachineFiles> {
    const { authority, certificateDays: days, nowMs, files } = this.#options;
    const certificate = await authority.issue(publicKey, {
      names: [`${machine.id}${SUFFIX}`],
      days,
      nowMs: nowMs(),
    });
    return { ...files(machine), 'relay.pem': certificate };
  }
}
