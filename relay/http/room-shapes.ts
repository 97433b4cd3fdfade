import { z } from '@hono/zod-openapi';

const summarySchema = z
  .object({ room: z.string(), members: z.int(), viewers: z.int(), livers: z.int() })
  .openapi('RoomSummary');
export const roomsSchema = z.object({ count: z.int(), rooms: z.array(summarySchema) }).openapi('Rooms');
const repair = z.enum(['none', 'repeat', 'since_key']);
const viewerRepair = z.enum([...repair.options, 'request']);
const layer = z.enum(['all', 'keys', 'voice']);
const deliverySchema = z
  .object({
    voice: z.int().openapi({ description: 'Voice packets that share a datagram.' }),
    holdMs: z.number(),
    repair: viewerRepair,
    spacingMs: z.number(),
    layer,
    patient: z.int().openapi({ description: 'Mask of the slots that wait for a datagram of the others.' }),
  })
  .openapi('Delivery');
const askSchema = z
  .object({ holdMs: z.number(), repair, spacingMs: z.number(), voiceBitrate: z.int().optional() })
  .openapi('UplinkAsk');
export const roomSchema = summarySchema
  .extend({
    budgetMs: z.number(),
    repairBytesPerSecond: z.number(),
    classes: z.array(z.object({ voice: z.int(), repair: z.string(), layer: z.string(), viewers: z.int() })),
    levels: z.array(z.int()).openapi({ description: 'Viewers at each step of the congestion ladder, 0 to 8.' }),
    repairDenied: z.int(),
    riding: z.int().openapi({ description: 'Viewers whose near livers wait for far ones.' }),
    uplinks: z.array(
      z.object({
        slot: z.int(),
        lagP99Ms: z.number().optional(),
        uncertaintyMs: z.number(),
        loss: z.number(),
        ask: askSchema.optional(),
      }),
    ),
    slowest: z
      .array(
        z.object({
          session: z.string(),
          delivery: deliverySchema,
          why: z.string(),
          spareMs: z.number().nullable(),
          pathSpareMs: z.number().nullable(),
          loss: z.number(),
          level: z.int(),
          repairDenied: z.boolean(),
        }),
      )
      .openapi({ description: 'At most 50 viewers, the least spare time first; null: the path is not known.' }),
  })
  .openapi('Room');

export type RoomSummary = z.infer<typeof summarySchema>;
/** Of one room: how its media gets to the viewers, and why. */
export type RoomDetails = z.infer<typeof roomSchema>;
