import { HayateError } from '@hayate/codec/errors';
import { codeError } from '@hayate/codec/messages';
import type { NatsConnection } from '@nats-io/nats-core';
import { z } from 'zod';
import type { Receipt } from '../ledger/index.ts';
import type { Sender } from './ticket.ts';

const TIMEOUT_MS = 2000;

const requestSchema = z.object({ ticket: z.string().max(4096), room: z.string(), sub: z.string() });
const replySchema = z.union([
  z.object({
    receipt: z.object({
      id: z.int().nullable(),
      room: z.string(),
      sequence: z.int().nullable(),
      atMs: z.number(),
      repeat: z.boolean(),
    }),
  }),
  z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }),
]);

/** Takes a ticket to a relay of the region that accepts it. */
export interface GiftForwarder {
  /** Regions that there are, this one included. */
  readonly regions: readonly string[];
  /** @throws HayateError what the far relay answered; `ledger_unavailable` when none did */
  forward(region: string, ticket: string, sender: Sender): Promise<Receipt>;
}

/** On which a region's relays take tickets from others. */
export const claimSubject = (region: string): string => `gifts-claim.${region}`;

/** Over NATS, which has a way to every region that is not cut off. The far relay checks the ticket anew. */
export function natsForwarder(connection: () => NatsConnection | undefined, regions: readonly string[]): GiftForwarder {
  return {
    regions,
    async forward(region, ticket, { room, sub }) {
      let answer: z.infer<typeof replySchema>;
      const nats = connection();
      if (!nats) throw codeError('ledger_unavailable', 'there is no connection to NATS');
      try {
        const reply = await nats.request(claimSubject(region), JSON.stringify({ ticket, room, sub }), {
          timeout: TIMEOUT_MS,
        });
        answer = replySchema.parse(JSON.parse(reply.string()));
      } catch (error) {
        throw codeError('ledger_unavailable', `no relay of ${region} answered`, error);
      }
      if ('receipt' in answer) return answer.receipt;
      const { code, message, retryable } = answer;
      throw new HayateError(code, message, { retryable });
    },
  };
}

/** Answers other regions' requests, one relay of this region each. Gives what ends it. */
export function serveForwarded(
  nats: NatsConnection,
  region: string,
  claim: (ticket: string, sender: Sender) => Promise<Receipt>,
): () => void {
  const subscription = nats.subscribe(claimSubject(region), { queue: 'relays' });
  const serve = async () => {
    for await (const message of subscription) {
      void answer(message.data, claim).then((reply) => message.respond(JSON.stringify(reply)));
    }
  };
  void serve();
  return () => subscription.unsubscribe();
}

async function answer(
  data: Uint8Array,
  claim: (ticket: string, sender: Sender) => Promise<Receipt>,
): Promise<z.infer<typeof replySchema>> {
  try {
    const { ticket, room, sub } = requestSchema.parse(JSON.parse(new TextDecoder().decode(data)));
    return { receipt: await claim(ticket, { room, sub }) };
  } catch (error) {
    const { code, message, retryable } =
      error instanceof HayateError ? error : codeError('ticket_invalid', 'not a request of a relay', error);
    return { code, message, retryable };
  }
}
