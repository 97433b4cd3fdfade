import { z } from 'zod';
import { clusterSchema } from './cluster.ts';
import { int, port, setting, text } from './setting.ts';
import { telemetrySchema } from './telemetry.ts';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** Keys fetched in the clear could be anybody's, but for those of this machine. */
function safeKeyUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.includes(hostname));
}

const keyUrl = () =>
  text().refine((value) => value === undefined || safeKeyUrl(value), 'neither https nor http on loopback');

/**
 * Every setting of a relay. Environment names and flags follow from the path: `rooms.lingerMs` is
 * `HAYATE_RELAY_ROOMS_LINGER_MS` and `--rooms-linger-ms`.
 */
export const configSchema = z.strictObject({
  dev: setting(
    z.boolean().default(false),
    'Development: a self-made certificate and token key are kept in `stateDir`, and the HTTP API gives tokens to anybody. Never in public.',
  ),
  stateDir: setting(z.string().min(1).default('.hayate'), 'Where self-made keys and certificates live.', {
    unit: 'path',
  }),
  transport: setting(
    z.enum(['auto', 'engine', 'websocket']).default('auto'),
    '`engine` is QUIC by the native engine, `websocket` the server for places without it; `auto` takes the engine where it is built.',
  ),
  publicUrl: setting(text(), 'What clients dial, when it is not the address listened on.', {
    unit: 'https URL',
    otherwise: '`https://HOST:PORT/v1`',
  }),
  origins: setting(
    z.array(z.string().min(1)).default([]),
    'Browser origins that may connect; others get 403. Empty: any. Programs without an origin always may: tokens decide.',
    { unit: 'comma list' },
  ),
  listen: z
    .strictObject({
      host: setting(text(), 'Address of media and control (UDP with the engine, TCP with the fallback).', {
        otherwise: '`::`, with dev `127.0.0.1`',
      }),
      port: setting(port(4433), 'Its port. 0 takes a free one.'),
    })
    .prefault({}),
  emulateLink: setting(
    z.boolean().default(false),
    'With `dev`: clients dial an emulated link, whose profile `POST /v1/link` sets (the demo page has a menu for it). UDP alone passes it. Needs the engine.',
  ),
  fallback: setting(
    z.enum(['websocket', 'none']).default('websocket'),
    'The same sessions over WebSocket beside QUIC, on the TCP port of the same number: for networks without UDP. Browsers take it with a certificate that they trust.',
  ),
  hybrid: setting(
    z.boolean().default(false),
    'Sessions whose datagrams come by QUIC and whose streams by WebSocket, for browsers with half of WebTransport. Off until it is proven on their devices. Needs the fallback.',
  ),
  certificate: z
    .strictObject({
      certFile: setting(text(), 'PEM chain. Reloaded when it changes (engine).', {
        unit: 'path',
        otherwise: 'self-made',
      }),
      keyFile: setting(text(), 'Its PEM key.', { unit: 'path' }),
      names: setting(
        z.array(z.string().min(1)).default(['localhost', '127.0.0.1', '::1']),
        'Names in a self-made certificate.',
        {
          unit: 'comma list',
        },
      ),
    })
    .prefault({}),
  token: z
    .strictObject({
      keyFile: setting(
        text(),
        'Shared key for HS256, at least 32 bytes. A file, never a flag, so that it shows nowhere.',
        {
          unit: 'path',
          otherwise: 'none; with dev `stateDir/token.key` is made',
        },
      ),
      publicKeyFile: setting(text(), 'PEM public key for EdDSA or ES256.', { unit: 'path' }),
      jwksFile: setting(
        text(),
        'JWKS file with EdDSA or ES256 public keys. Read again when it changes. Tokens without a `kid` are checked by `publicKeyFile` where both are set.',
        { unit: 'path' },
      ),
      jwksUrl: setting(
        keyUrl(),
        'Where that set is fetched from (http on loopback only). Fetched again when it is old and when a `kid` is not in it.',
        { unit: 'https URL' },
      ),
      issuer: setting(text(), 'When set, the `iss` that tokens must carry.'),
    })
    .prefault({}),
  rooms: z
    .strictObject({
      max: setting(int(1, 100_000, 2000), 'Rooms at once; a join that needs one more is refused with `overloaded`.'),
      maxViewers: setting(int(1, 100_000, 1000), 'Viewers of one room; more get `room_full`.'),
      budgetMs: setting(
        int(20, 2000, 100),
        'Lag budget of a room, capture to presentation: what a viewer does not need of it for the network is spent on fewer packets and on repair.',
        { unit: 'ms' },
      ),
      voicePerDatagram: setting(
        int(1, 4, 4),
        'Voice packets that share a datagram at most, with the motion of their time. 1: each unit leaves as it comes, whatever time is to spare and however busy the relay is.',
      ),
      viewerRepairBytes: setting(
        int(0, 1_000_000, 6000),
        'Repair that one viewer may cost a second; a room whose media needs more is not repaired. One liver with voice needs about 4000.',
        { unit: 'bytes' },
      ),
      roomRepairBytes: setting(
        int(0, 1_000_000_000, 1_000_000),
        'Repair that a room may cost a second; viewers over it go without.',
        { unit: 'bytes' },
      ),
      lingerMs: setting(
        int(0, 60_000, 5000),
        'How long an abruptly lost session keeps its place, and a liver the slot.',
        { unit: 'ms' },
      ),
      emptyMs: setting(int(0, 3_600_000, 30_000), 'How long an empty room lives.', { unit: 'ms' }),
      maxAgeMs: setting(int(50, 10_000, 500), 'Units captured longer ago are refused.', { unit: 'ms' }),
      maxAheadMs: setting(int(0, 1000, 20), 'Units captured further in the future are refused.', { unit: 'ms' }),
      webhook: z
        .strictObject({
          url: setting(
            text(),
            "Where the app's backend hears of rooms that open and close and of lost livers. Without TLS only on this machine. Needs `rooms.webhook.secretFile`.",
            { unit: 'https URL, or http on loopback' },
          ),
          secretFile: setting(
            text(),
            'Secret that signs it: `whsec_` and base64; two lines during an exchange, the new one first. Read again each minute.',
            { unit: 'path' },
          ),
          timeoutMs: setting(int(100, 120_000, 5000), 'Time of one attempt.', { unit: 'ms' }),
        })
        .prefault({}),
    })
    .prefault({}),
  limits: z
    .strictObject({
      maxSessions: setting(int(1, 1_000_000, 4000), 'Sessions at once; more get 503.'),
      retryAbove: setting(
        int(1, 100_000, 512),
        'Handshakes under way above which addresses are validated first (engine); at twice as many the next ones are refused.',
      ),
      helloMs: setting(int(100, 60_000, 3000), 'Time for the first message; later ones get `hello_timeout`.', {
        unit: 'ms',
      }),
      unitsPerSecond: setting(
        int(50, 100_000, 400),
        'New units a second of one liver (motion frames and voice packets), half of them at once; more go to nobody, the liver is warned, and after 3 s the session ends with `rate_limited`. Five times as many with repeats.',
      ),
      controlQueueBytes: setting(
        int(70_000, 16_777_216, 262_144),
        'Control messages waiting for one slow session; above it the session ends with `overloaded`.',
        { unit: 'bytes' },
      ),
    })
    .prefault({}),
  joins: z
    .strictObject({
      perSecond: setting(
        z.number().min(0).max(100_000).optional(),
        'Sessions that one address (IPv6: the first 64 bits of it) may open a second, in the long run; more get `rate_limited`. 0: no limit, for load tests from one machine.',
        { otherwise: '`20`, with dev `0`' },
      ),
      burst: setting(int(1, 1_000_000, 300), 'Sessions that it may open at once.'),
      perSubject: setting(
        z.int().min(0).max(100_000).optional(),
        'Sessions of one person (`sub`) at once, over all rooms; more get `rate_limited`. 0: no limit.',
        { otherwise: '`10`, with dev `0`' },
      ),
    })
    .prefault({}),
  community: z
    .strictObject({
      file: setting(
        text(),
        'Bans, revoked tokens, visits and the audit log; `-wal` and `-shm` are beside it. Keep it: without it the banned are let in.',
        { unit: 'path', otherwise: '`stateDir/community.db`' },
      ),
      visitDays: setting(int(1, 3650, 180), 'Who has not come for so long is new here again.', { unit: 'days' }),
      maxVisits: setting(
        int(1000, 100_000_000, 1_000_000),
        'Visitors of rooms that are remembered, about 150 bytes each on the disk; the longest away are forgotten first.',
      ),
      auditDays: setting(int(1, 3650, 365), 'How long the audit log of moderation is kept.', { unit: 'days' }),
    })
    .prefault({}),
  comments: z
    .strictObject({
      perSecond: setting(
        z.number().min(0.01).max(1000).default(1),
        'Comments a person may send to a room a second, in the long run, over all sessions.',
      ),
      burst: setting(int(1, 1000, 5), 'Comments they may send at once; more get `rate_limited`.'),
      roomPerSecond: setting(
        z.number().min(0.1).max(10_000).default(100),
        'Comments a room takes a second, in the long run; each viewer is shown at most 20 of them.',
      ),
      roomBurst: setting(int(1, 10_000, 200), 'Comments it takes at once; more get `rate_limited`.'),
      queueBytes: setting(
        int(1024, 1_048_576, 32_768),
        'Comments waiting for one slow viewer; what does not fit is left out, and `missed` tells how many.',
        {
          unit: 'bytes',
        },
      ),
      filter: z
        .strictObject({
          words: setting(
            text(),
            'Word list: comments with one of its words get `comment_refused`. A word or phrase a line, # begins a remark. Read again when it changes.',
            { unit: 'path' },
          ),
          url: setting(
            text(),
            "The app's backend judges each comment before it is shown. Without TLS only on this machine. Needs `comments.filter.secretFile`.",
            { unit: 'https URL, or http on loopback' },
          ),
          secretFile: setting(
            text(),
            'Secret that signs what it is asked: `whsec_` and base64; two lines during an exchange, the new one first. Read again each minute.',
            { unit: 'path' },
          ),
          timeoutMs: setting(int(10, 10_000, 150), 'Time for its verdict.', { unit: 'ms' }),
          concurrency: setting(int(1, 256, 16), 'Comments it is asked about at once.'),
          onTimeout: setting(
            z.enum(['refuse', 'show']).default('refuse'),
            'What becomes of a comment without a verdict in time: `filter_unavailable`, or it is shown. After 5 failures in a row it is not waited for until it answers again.',
          ),
        })
        .prefault({}),
    })
    .prefault({}),
  gifts: z
    .strictObject({
      enabled: setting(
        z.boolean().optional(),
        'Whether gifts are taken. They need a ledger and a key that checks tickets.',
        { otherwise: '`true` with dev or a ticket key' },
      ),
      ledgerFile: setting(
        text(),
        'The ledger of gifts; `-wal`, `-shm` and `-witness` are beside it. Keep it for ever.',
        {
          unit: 'path',
          otherwise: '`stateDir/ledger.db`',
        },
      ),
      region: setting(
        z.string().min(1).max(128).default('local'),
        'The region (`reg`) whose tickets this relay takes; others get `wrong_region`.',
      ),
      publicKeyFile: setting(text(), 'PEM public key (EdDSA or ES256) of tickets without a `kid`, or of all.', {
        unit: 'path',
        otherwise: 'none; with dev `stateDir/ticket.key` is made',
      }),
      jwksFile: setting(text(), 'JWKS file with the public keys of tickets. Read again when it changes.', {
        unit: 'path',
      }),
      jwksUrl: setting(
        keyUrl(),
        'Where that set is fetched from (http on loopback only). Fetched again when it is old and when a `kid` is not in it.',
        { unit: 'https URL' },
      ),
      issuer: setting(text(), 'When set, the `iss` that tickets must carry.'),
      perSecond: setting(
        z.number().min(0.1).max(10_000).default(10),
        'Gifts a session may submit a second, in the long run.',
      ),
      burst: setting(int(1, 10_000, 50), 'Gifts it may submit at once; more get `rate_limited`.'),
      webhook: z
        .strictObject({
          url: setting(
            text(),
            "Where the app's backend takes gifts. Without TLS only on this machine. Needs `gifts.webhook.secretFile`.",
            { unit: 'https URL, or http on loopback' },
          ),
          secretFile: setting(
            text(),
            'Secret that signs deliveries: `whsec_` and base64; two lines during an exchange, the new one first. Read again each minute.',
            { unit: 'path' },
          ),
          timeoutMs: setting(int(100, 120_000, 10_000), 'Time of one attempt.', { unit: 'ms' }),
          concurrency: setting(int(1, 64, 8), 'Attempts at once, each of another room.'),
          maxAttempts: setting(
            int(1, 1000, 12),
            'Attempts before a record that alone is refused becomes a dead letter and lets its room go on. Dead letters stay in the ledger.',
          ),
          deadAfterHours: setting(
            int(1, 8760, 72),
            'While the whole backend fails, records must also be this old to become dead letters.',
            { unit: 'hours' },
          ),
        })
        .prefault({}),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: setting(z.string().min(1).default('127.0.0.1'), 'Address of the HTTP API (and in dev of the page).'),
      port: setting(port(8080), 'Its port. 0 takes a free one.'),
    })
    .prefault({}),
  api: z
    .strictObject({
      tokenFile: setting(
        text(),
        "Service token of the app's backend, 32 or more characters; two lines during an exchange. Without it there is no service API.",
        { unit: 'path', otherwise: 'none; with dev `stateDir/service.token` is made' },
      ),
      host: setting(
        z.string().min(1).default('127.0.0.1'),
        'Address of the service API (gifts, rooms, moderation); keep it private.',
      ),
      port: setting(port(9465), 'Its port. 0 takes a free one.'),
      perSecond: setting(int(1, 100_000, 100), 'Requests a second; more get 429 `rate_limited`.'),
      burst: setting(int(1, 100_000, 200), 'Requests at once.'),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      host: setting(z.string().min(1).default('127.0.0.1'), 'Address of `/metrics`; keep it private.'),
      port: setting(port(9464), 'Its port. 0 takes a free one.'),
    })
    .prefault({}),
  telemetry: telemetrySchema,
  cluster: clusterSchema,
  drainMs: setting(int(0, 3_600_000, 10_000), 'How long SIGTERM waits for sessions to leave by themselves.', {
    unit: 'ms',
  }),
  log: z
    .strictObject({
      level: setting(
        z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
        '`debug` adds a line a session, `info` only what an operator acts on or looks for.',
      ),
    })
    .prefault({}),
});

export type RelayConfig = z.infer<typeof configSchema>;
/** What files and callers may give: everything is optional. */
export type RelayConfigInput = z.input<typeof configSchema>;
