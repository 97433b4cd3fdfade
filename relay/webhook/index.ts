export type { Clock } from './clock.ts';
export { eventBody, type GiftData, type GiftEvent, giftData, idempotencyKey } from './event.ts';
export { type LifecycleSender, openLifecycle } from './lifecycle.ts';
export type { DeliveryPolicy } from './policy.ts';
export { webhookUrl } from './post.ts';
export { type SenderStats, WebhookSender, type WebhookSenderOptions } from './sender.ts';
export { readSecrets, type Secrets, signedHeaders } from './signature.ts';
export { verified } from './verified.ts';
