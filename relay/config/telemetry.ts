import { z } from 'zod';
import { int, setting, text } from './setting.ts';

/** Where telemetry goes beside `/metrics` and the log. All of it is off by default. */
export const telemetrySchema = z
  .strictObject({
    otlp: z
      .strictObject({
        endpoint: setting(
          text(),
          'OpenTelemetry collector that takes OTLP over HTTP; `/v1/traces` and `/v1/metrics` are added. Without TLS only on this machine.',
          { unit: 'https URL, or http on loopback' },
        ),
        headersFile: setting(
          text(),
          'What the collector wants as headers, `name: value` a line: its key. Read again each minute.',
          { unit: 'path' },
        ),
        metricsSeconds: setting(
          int(0, 3600, 60),
          'How often metrics go to the endpoint. 0: never, Prometheus takes them from `/metrics`.',
          { unit: 's' },
        ),
      })
      .prefault({}),
    traces: z
      .strictObject({
        otlp: setting(z.boolean().default(true), 'Whether traces go to the endpoint, where there is one.'),
        file: setting(
          text(),
          'Traces are appended here, a line of OTLP JSON a span. Nothing limits its size: for looking into something, or for an agent that takes it away.',
          { unit: 'path' },
        ),
        joins: setting(
          z.number().min(0).max(1).default(0.01),
          'Share of joins that are traced, where traces go anywhere. Gifts and hand-overs always are.',
        ),
      })
      .prefault({}),
  })
  .prefault({});
