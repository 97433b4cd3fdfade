// What the machines do, and what they cost.
import { NO_FAULT, NO_FLEET, panel, q, RELAY, rate, sum } from './expressions.ts';
import type { Dashboard } from './grafana.ts';

export const relay: Dashboard = {
  uid: 'hayate-relay',
  title: 'relay',
  description: 'One machine: what it carries, where packets get lost, whether its loops keep up.',
  choose: ['region', 'relay'],
  rows: [
    {
      title: 'Load',
      panels: [
        panel('Sessions, viewers', 'short', [
          q(sum('hayate_sessions', 'relay', RELAY), '{{relay}} sessions'),
          q(sum('hayate_viewers', 'relay', RELAY), '{{relay}} viewers'),
        ]),
        panel('CPU', 'percentunit', [q(rate('hayate_process_cpu_seconds_total', 'relay', RELAY), '{{relay}}')], {
          about: '1 is a core.',
        }),
        panel('Memory', 'bytes', [
          q(sum('hayate_process_resident_bytes', 'relay', RELAY), '{{relay}} resident'),
          q(sum('hayate_process_heap_bytes', 'relay', RELAY), '{{relay}} heap'),
        ]),
        panel('Bytes', 'Bps', [
          q(rate('hayate_udp_bytes_total', 'relay, direction', RELAY), '{{relay}} {{direction}}'),
        ]),
        panel('Datagrams', 'pps', [
          q(rate('hayate_datagrams_total', 'relay, direction', RELAY), '{{relay}} {{direction}}'),
        ]),
        panel(
          'Busy',
          'short',
          [
            q(`max by (relay) (hayate_busy{${RELAY}})`, '{{relay}}'),
            q(`max by (relay) (hayate_draining{${RELAY}})`, '{{relay}} drains'),
          ],
          { bad: 1 },
        ),
      ],
    },
    {
      title: 'Where datagrams get lost',
      panels: [
        panel(
          "At the relay's sockets",
          'pps',
          [q(rate('hayate_udp_socket_drops_total', 'relay, port', RELAY), '{{relay}} port {{port}}')],
          { about: 'They came and found the receive buffer full.' },
        ),
        panel('On the way out', 'pps', [
          q(rate('hayate_udp_send_errors_total', 'relay, errno', RELAY), '{{relay}} given up, {{errno}}'),
          q(rate('hayate_udp_send_blocked_total', 'relay', RELAY), '{{relay}} waited'),
          q(rate('hayate_kernel_no_route_total', 'relay', RELAY), '{{relay}} no route'),
        ]),
        panel('UDP of the machine', 'pps', [
          q(rate('hayate_kernel_udp_errors_total', 'relay, reason', RELAY), '{{relay}} {{reason}}'),
        ]),
        panel('Cards', 'pps', [
          q(
            rate('hayate_nic_dropped_total', 'relay, device, direction', RELAY),
            '{{relay}} {{device}} {{direction}} dropped',
          ),
          q(
            rate('hayate_nic_errors_total', 'relay, device, direction', RELAY),
            '{{relay}} {{device}} {{direction}} broken',
          ),
        ]),
        panel('Between card and stack', 'pps', [
          q(rate('hayate_softnet_dropped_total', 'relay', RELAY), '{{relay}} dropped'),
          q(rate('hayate_softnet_squeezed_total', 'relay', RELAY), '{{relay}} squeezed'),
        ]),
        panel('In the relay, at a bound', 'pps', [
          q(rate('hayate_datagrams_dropped_total', 'relay, reason', RELAY), '{{relay}} {{reason}}'),
          q(rate('hayate_datagrams_refused_total', 'relay, reason', RELAY), '{{relay}} refused {{reason}}', NO_FAULT),
        ]),
      ],
    },
    {
      title: 'Loops and faults',
      panels: [
        panel(
          'Event loop',
          's',
          [q(`max by (relay, quantile) (hayate_event_loop_delay_seconds{${RELAY}})`, '{{relay}} {{quantile}}')],
          { bad: 0.25 },
        ),
        panel(
          "Engine's loop",
          's',
          [q(`max by (relay, what) (hayate_engine_loop_seconds{${RELAY}})`, '{{relay}} {{what}}')],
          { bad: 0.02 },
        ),
        panel('Stalls and panics', 'short', [
          q(rate('hayate_engine_stalls_total', 'relay', RELAY), '{{relay}} stalls'),
          q(rate('hayate_engine_panics_total', 'relay', RELAY), '{{relay}} panics'),
        ]),
        panel('Handshakes', 'short', [
          q(rate('hayate_handshakes_total', 'relay, result', RELAY), '{{relay}} {{result}}'),
        ]),
        panel(
          'Certificates end in',
          's',
          [
            q(
              `min by (relay, use) (hayate_certificate_expiry_timestamp_seconds{${RELAY}}) - time()`,
              '{{relay}} {{use}}',
            ),
          ],
          { kind: 'stat' },
        ),
        panel(
          'Up since',
          's',
          [q(`time() - max by (relay) (hayate_process_start_time_seconds{${RELAY}})`, '{{relay}}')],
          { kind: 'stat' },
        ),
      ],
    },
  ],
};

export const transfer: Dashboard = {
  uid: 'hayate-transfer',
  title: 'transfer budget',
  description: 'What the month will cost beyond what is paid for.',
  choose: [],
  rows: [
    {
      title: "The account, as the fleet foresees the month's end",
      panels: [
        panel('Used and paid for', 'decbytes', [
          q('hayate_fleet_transfer_used_bytes', '{{provider}} will be used', NO_FLEET),
          q('hayate_fleet_transfer_pool_bytes', '{{provider}} will be paid for', NO_FLEET),
        ]),
        panel('Over it', 'decbytes', [q('hayate_fleet_transfer_overage_bytes', '{{provider}}', NO_FLEET)], {
          kind: 'stat',
          bad: 1,
        }),
        panel('Which costs', 'currencyUSD', [q('hayate_fleet_transfer_overage_dollars', '{{provider}}', NO_FLEET)], {
          kind: 'stat',
          bad: 1,
        }),
      ],
    },
    {
      title: 'Who sends',
      panels: [
        panel('By region', 'Bps', [q('region:hayate_udp_out_bytes:rate5m', '{{region}}')], { stack: true }),
        panel(
          'By relay',
          'Bps',
          [q('sum by (relay) (rate(hayate_udp_bytes_total{direction="out"}[$__rate_interval]))', '{{relay}}')],
          { stack: true },
        ),
        panel('A viewer', 'Bps', [
          q(
            'sum by (region) (rate(hayate_udp_bytes_total{direction="out"}[$__rate_interval])) / sum by (region) (hayate_viewers)',
            '{{region}}',
          ),
        ]),
        panel('Repair, of all', 'percentunit', [
          q(
            'sum by (region) (rate(hayate_repair_bytes_total[$__rate_interval])) / sum by (region) (rate(hayate_udp_bytes_total{direction="out"}[$__rate_interval]))',
            '{{region}}',
          ),
        ]),
        panel('Gifts sent twice', 'Bps', [
          q('sum by (region) (rate(hayate_repeated_bytes_total[$__rate_interval]))', '{{region}}'),
        ]),
        panel(
          'Machines',
          'short',
          [
            q(
              'sum by (region, provider, phase) (hayate_fleet_machines)',
              '{{region}} {{provider}} {{phase}}',
              NO_FLEET,
            ),
          ],
          { stack: true },
        ),
      ],
    },
  ],
};
