import { z } from '@hono/zod-openapi';

const candidateSchema = z
  .object({
    id: z.string().openapi({ description: 'Of the relay, for as long as it lives.' }),
    region: z.string(),
    url: z.string().openapi({ description: 'What clients dial.' }),
    certificateHashes: z
      .array(z.string())
      .openapi({ description: 'SHA-256 of the certificates to accept, hex. Empty: use the platform’s trust.' }),
    load: z.number().min(0).max(1).optional().openapi({ description: 'Share of what it can bear; absent: not known.' }),
    draining: z.boolean().optional().openapi({ description: 'It is going away: only where nothing else answers.' }),
  })
  .openapi('Candidate');

export const candidatesSchema = z
  .object({ relays: z.array(candidateSchema).openapi({ description: 'The best one for whoever asks here first.' }) })
  .openapi('Candidates');

/** A relay that a client may take for a room. */
export type Candidate = z.infer<typeof candidateSchema>;
