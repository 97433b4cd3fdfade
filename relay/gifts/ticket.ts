import { codeError } from '@hayate/codec/messages';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import type { GiftTicket } from '../ledger/index.ts';
import { TICKET_ALGORITHMS, type TicketKeys } from './keys.ts';
import { TICKET_TYP } from './mint.ts';

const LEEWAY_MS = 5000;
const MAX_TICKET_CHARS = 4096;

const text = z
  .string()
  .min(1)
  .max(128)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  .regex(/^[^\u0000-\u001f\u007f]*$/)
  .refine((value) => value.isWellFormed());
const seconds = z.number().min(0).max(1e11);

const claimsSchema = z.object({
  jti: text,
  room: text,
  sub: text,
  liver: text,
  item: text,
  amount: z.int().min(1),
  currency: z.string().regex(/^[A-Z]{3}$/),
  reg: text,
  iat: seconds,
  nbf: seconds.optional(),
  exp: seconds,
});

/** Who submits a ticket: what their session's token said. */
export interface Sender {
  room: string;
  sub: string;
}

/** A ticket that is whole and for this relay, room and sender. Whether its time is over is the last question. */
export interface CheckedTicket {
  gift: GiftTicket;
  /** Since 1970, leeway included. */
  expiresMs: number;
  /** As it was submitted. */
  ticket: string;
}

export interface TicketCheckerOptions {
  keys: TicketKeys;
  region: string;
  /** Further ones whose tickets are taken there. */
  regions?: readonly string[] | undefined;
  issuer?: string | undefined;
}

/** Checks tickets, docs/protocol.md section 5. The signature is checked in a thread of the process's pool. */
export class TicketChecker {
  readonly #options: TicketCheckerOptions;

  constructor(options: TicketCheckerOptions) {
    this.#options = options;
  }

  /**
   * All but `exp`.
   * @param nowMs since 1970
   * @param here only tickets of this region
   * @throws HayateError `ticket_invalid`, `ticket_key_unknown`, `wrong_room`, `wrong_sender`, `wrong_region`,
   * `ticket_not_yet_valid`
   */
  async check(ticket: string, sender: Sender, nowMs: () => number, here = false): Promise<CheckedTicket> {
    const { region, regions = [] } = this.#options;
    const claims = claimsSchema.safeParse(await this.#verify(ticket));
    if (!claims.success)
      throw codeError('ticket_invalid', 'the claims of the ticket are not as documented', claims.error);
    const { room, sub, reg, iat, nbf = iat, exp } = claims.data;
    if (room !== sender.room) throw codeError('wrong_room', 'the ticket is for another room');
    if (sub !== sender.sub) throw codeError('wrong_sender', 'the ticket is of somebody else');
    if (reg !== region && (here || !regions.includes(reg))) {
      throw codeError('wrong_region', `the ticket is for another region than ${region}`);
    }
    if (Math.max(iat, nbf) * 1000 > nowMs() + LEEWAY_MS) {
      throw codeError('ticket_not_yet_valid', 'the ticket is not valid yet');
    }
    const { jti, liver, item, amount, currency } = claims.data;
    return {
      gift: { jti, room, sender: sub, liver, item, amount, currency, reg },
      expiresMs: exp * 1000 + LEEWAY_MS,
      ticket,
    };
  }

  async #verify(ticket: string): Promise<JWTPayload> {
    const { keys, issuer } = this.#options;
    if (ticket.length > MAX_TICKET_CHARS) throw codeError('ticket_invalid', `over ${MAX_TICKET_CHARS} characters`);
    try {
      const { payload } = await jwtVerify(ticket, (header) => keys.find(header), {
        algorithms: TICKET_ALGORITHMS,
        typ: TICKET_TYP,
        // Its times are looked at afterwards, and `exp` at the claim.
        currentDate: new Date(0),
        clockTolerance: 1e11,
        ...(issuer === undefined ? {} : { issuer }),
      });
      return payload;
    } catch (cause) {
      if (cause instanceof errors.JOSEError) throw codeError('ticket_invalid', 'the ticket is not one of ours', cause);
      throw cause;
    }
  }
}
