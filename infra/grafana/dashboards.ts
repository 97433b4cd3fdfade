// The dashboards; `node infra/grafana/write.ts` makes Grafana's JSON of them, which Terraform provisions.
import type { Dashboard, Panel, Query } from './grafana.ts';

const q = (expr: string, legend = '', silent?: string): Query => ({
  expr,
  legend,
  ...(silent !== undefined && { silent }),
});
const panel = (title: string, unit: string, queries: readonly Query[], more: Partial<Panel> = {}): Panel => ({
  title,
  unit,
  queries,
  ...more,
});

const REGION = 'region=~"$region"';
const RELAY = `${REGION},relay=~"$relay"`;
/** By region. */
const sum = (metric: string, by = 'region', labels = REGION) => `sum by (${by}) (${metric}{${labels}})`;
const rate = (metric: string, by = 'region', labels = REGION) =>
  `sum by (${by}) (rate(${metric}{${labels}}[$__rate_interval]))`;
const quantile = (p: number, metric: string, by = 'region', labels = REGION) =>
  `histogram_quantile(${p}, sum by (le, ${by}) (rate(${metric}_bucket{${labels}}[$__rate_interval])))`;
const GOOD = `sum by (region) (rate(hayate_viewer_good_seconds_total{${REGION}}[$__rate_interval])) / sum by (region) (rate(hayate_viewer_seconds_total{${REGION}}[$__rate_interval]))`;

const ALONE = 'a relay alone has no cluster';
const NO_FLEET = 'there is no fleet';
const NO_WEBHOOK = 'no webhook is configured';
const NO_FAULT = 'nothing of this kind has happened';
const FEW = 'less than five viewers';

const overview: Dashboard = {
  uid: 'hayate-overview',
  title: 'overview',
  description: 'Is all well? The objective, who is here, what fires.',
  choose: ['region'],
  rows: [
    {
      title: 'The objective: 99 % of viewer time under 0.1 s, as viewers report it',
      panels: [
        panel('Under 0.1 s now', 'percentunit', [q(GOOD, '{{region}}')], { kind: 'stat' }),
        panel(
          'Share of bad time, of windows',
          'percentunit',
          [
            q(`region:hayate_viewer_bad:ratio_rate5m{${REGION}}`, '{{region}} 5 m', FEW),
            q(`region:hayate_viewer_bad:ratio_rate1h{${REGION}}`, '{{region}} 1 h', FEW),
            q(`region:hayate_viewer_bad:ratio_rate6h{${REGION}}`, '{{region}} 6 h', FEW),
            q(`region:hayate_viewer_bad:ratio_rate3d{${REGION}}`, '{{region}} 3 d', FEW),
          ],
          { bad: 0.01 },
        ),
        panel(
          'Lag, p50 and p99 of reports',
          's',
          [
            q(quantile(0.5, 'hayate_viewer_lag_seconds'), '{{region}} p50'),
            q(quantile(0.99, 'hayate_viewer_lag_seconds'), '{{region}} p99'),
          ],
          { bad: 0.1 },
        ),
      ],
    },
    {
      title: 'Who is here',
      panels: [
        panel('Viewers', 'short', [q(sum('hayate_viewers'), '{{region}}')], { stack: true }),
        panel('Livers and rooms', 'short', [
          q(sum('hayate_livers'), '{{region}} livers'),
          q(sum('hayate_rooms'), '{{region}} rooms'),
        ]),
        panel(
          'Egress',
          'Bps',
          [q(rate('hayate_udp_bytes_total', 'region', `${REGION},direction="out"`), '{{region}}')],
          { stack: true },
        ),
      ],
    },
    {
      title: 'What fires',
      panels: [
        panel(
          'Alerts',
          'short',
          [q('sum by (alertname) (ALERTS{alertstate="firing"})', '{{alertname}}', 'no alert fires')],
          { kind: 'stat', bad: 1 },
        ),
        panel('Relays up', 'short', [q(`sum by (region) (up{job="hayate",${REGION}})`, '{{region}}')], {
          kind: 'stat',
        }),
        panel('Relays needed and there', 'short', [
          q(`sum by (region) (hayate_fleet_need{${REGION},bound="least"})`, '{{region}} needed', NO_FLEET),
          q(`sum by (region) (hayate_fleet_relays{${REGION}})`, '{{region}} there', NO_FLEET),
        ]),
      ],
    },
  ],
};

const region: Dashboard = {
  uid: 'hayate-region',
  title: 'region',
  description: 'Why is the lag of a region what it is: which network, which browser, which relay?',
  choose: ['region'],
  rows: [
    {
      title: 'What viewers report (untrusted)',
      panels: [
        panel('Lag p99 by network', 's', [q(quantile(0.99, 'hayate_viewer_lag_seconds', 'network'), '{{network}}')], {
          bad: 0.1,
        }),
        panel('Lag p99 by browser', 's', [q(quantile(0.99, 'hayate_viewer_lag_seconds', 'browser'), '{{browser}}')], {
          bad: 0.1,
        }),
        panel('Lag p99 by relay', 's', [q(quantile(0.99, 'hayate_viewer_lag_seconds', 'relay'), '{{relay}}')], {
          bad: 0.1,
        }),
        panel('First frame, p50 and p95', 's', [
          q(quantile(0.5, 'hayate_viewer_join_seconds', 'network'), '{{network}} p50'),
          q(quantile(0.95, 'hayate_viewer_join_seconds', 'network'), '{{network}} p95'),
        ]),
        panel('Units missed a second, p90', 'short', [
          q(quantile(0.9, 'hayate_viewer_missed_units', 'network'), '{{network}}'),
        ]),
        panel('Stalls a viewer and hour', 'short', [
          q(
            `3600 * ${rate('hayate_viewer_stalls_total', 'network')} / ${rate('hayate_viewer_seconds_total', 'network')}`,
            '{{network}}',
          ),
        ]),
      ],
    },
    {
      title: 'What the relays measure',
      panels: [
        panel('Capture to relay, p99', 's', [q(quantile(0.99, 'hayate_uplink_lag_seconds'), '{{region}}')], {
          bad: 0.05,
        }),
        panel('Spare of the budget, p5', 's', [q(quantile(0.05, 'hayate_spare_seconds'), '{{region}}')], {
          about: 'Below zero the network alone is over the budget.',
        }),
        panel('Session to welcome, p99', 's', [q(quantile(0.99, 'hayate_join_seconds'), '{{region}}')], { bad: 0.5 }),
        panel('Viewers by what is given up', 'short', [q(sum('hayate_congestion_level', 'level'), 'level {{level}}')], {
          stack: true,
        }),
        panel('Repair', 'Bps', [q(rate('hayate_repair_bytes_total'), '{{region}}')]),
        panel('Refused', 'short', [q(rate('hayate_refused_total', 'code'), '{{code}}', NO_FAULT)], { stack: true }),
      ],
    },
    {
      title: 'Between relays',
      panels: [
        panel('Links', 'short', [q(sum('hayate_trunk_links', 'relay'), '{{relay}}', ALONE)]),
        panel('Rooms adrift', 'short', [q(sum('hayate_rooms_adrift', 'relay'), '{{relay}}', ALONE)], { bad: 1 }),
        panel('NATS answers', 'short', [
          q(`min by (region) (hayate_directory_up{${REGION}})`, '{{region}} directory', ALONE),
          q(`min by (region) (hayate_gifts_region_up{${REGION}})`, '{{region}} gifts', ALONE),
        ]),
      ],
    },
  ],
};

const relay: Dashboard = {
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

const rooms: Dashboard = {
  uid: 'hayate-rooms',
  title: 'rooms',
  description:
    'What rooms do, all together: no metric names a room. One room is in GET /v1/rooms/ROOM of the service API.',
  choose: ['region', 'relay'],
  rows: [
    {
      title: 'People',
      panels: [
        panel('Viewers a room', 'short', [
          q(`sum by (region) (hayate_viewers{${RELAY}}) / sum by (region) (hayate_rooms{${RELAY}})`, '{{region}}'),
        ]),
        panel('People, livers', 'short', [
          q(sum('hayate_people', 'region', RELAY), '{{region}} people'),
          q(sum('hayate_livers', 'region', RELAY), '{{region}} livers'),
        ]),
        panel('Sessions come, resume', 'short', [
          q(rate('hayate_sessions_accepted_total', 'region', RELAY), '{{region}} come'),
          q(rate('hayate_sessions_resumed_total', 'region', RELAY), '{{region}} resume'),
        ]),
      ],
    },
    {
      title: 'Media',
      panels: [
        panel(
          'Viewers by class',
          'short',
          [q(sum('hayate_delivery_class', 'voice, repair, layer', RELAY), '{{voice}} {{repair}} {{layer}}')],
          { stack: true },
        ),
        panel('Changes of class', 'short', [q(rate('hayate_delivery_changes_total', 'why', RELAY), '{{why}}')]),
        panel('Repair denied', 'short', [q(sum('hayate_repair_denied', 'region', RELAY), '{{region}}')]),
      ],
    },
    {
      title: 'Comments',
      panels: [
        panel('Comments and reactions', 'short', [
          q(rate('hayate_comments_total', 'region', RELAY), '{{region}} comments'),
          q(rate('hayate_reactions_total', 'region', RELAY), '{{region}} reactions'),
        ]),
        panel('Not shown', 'short', [
          q(rate('hayate_comments_left_out_total', 'region', RELAY), '{{region}} over 20 a second'),
          q(rate('hayate_comments_dropped_total', 'region', RELAY), '{{region}} slow viewers'),
        ]),
        panel('Word filter', 'short', [
          q(rate('hayate_comment_filter_total', 'result', RELAY), '{{result}}', 'no word filter is configured'),
          q(
            `min by (region) (hayate_comment_filter_up{${RELAY}})`,
            '{{region}} answers',
            'no word filter is configured',
          ),
        ]),
      ],
    },
    {
      title: 'Moderation',
      panels: [
        panel('Actions', 'short', [q(rate('hayate_moderations_total', 'action', RELAY), '{{action}}')]),
        panel('Bans, revocations', 'short', [
          q(sum('hayate_bans', 'region', RELAY), '{{region}} bans'),
          q(sum('hayate_revocations', 'region', RELAY), '{{region}} revocations'),
        ]),
        panel('Limited joins', 'short', [q(rate('hayate_joins_limited_total', 'by', RELAY), 'by {{by}}')]),
      ],
    },
  ],
};

const gifts: Dashboard = {
  uid: 'hayate-gifts',
  title: 'gifts',
  description: 'Gifts are money: taken, kept, delivered.',
  choose: ['region'],
  rows: [
    {
      title: 'Taken',
      panels: [
        panel('Answered', 'short', [q(rate('hayate_gifts_total', 'result'), '{{result}}', 'no gift was given')]),
        panel('Ledger', 'short', [
          q(`min by (relay) (hayate_ledger_up{${REGION}})`, '{{relay}} answers'),
          q(sum('hayate_ledger_waiting', 'relay'), '{{relay}} wait'),
        ]),
        panel('Records and commits', 'short', [
          q(rate('hayate_ledger_records_total'), '{{region}} records'),
          q(rate('hayate_ledger_commits_total'), '{{region}} commits'),
          q(rate('hayate_ledger_overloaded_total'), '{{region}} refused'),
        ]),
      ],
    },
    {
      title: 'Kept',
      panels: [
        panel("The region's ledger answers", 'short', [
          q(`min by (relay) (hayate_gifts_region_up{${REGION}})`, '{{relay}}', ALONE),
        ]),
        panel('Held by one relay', 'short', [q(sum('hayate_gifts_held', 'relay'), '{{relay}}', ALONE)], { bad: 1 }),
      ],
    },
    {
      title: 'Delivered',
      panels: [
        panel('Deliveries', 'short', [q(rate('hayate_gift_deliveries_total', 'outcome'), '{{outcome}}', NO_WEBHOOK)]),
        panel('Answers of the backend', 'short', [
          q(rate('hayate_gift_attempts_total', 'answer'), '{{answer}}', NO_WEBHOOK),
        ]),
        panel(
          'Oldest that waits',
          's',
          [q(`max by (region) (hayate_gift_oldest_waiting_seconds{${REGION}})`, '{{region}}', NO_WEBHOOK)],
          { bad: 120 },
        ),
      ],
    },
  ],
};

const transfer: Dashboard = {
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

export const dashboards: readonly Dashboard[] = [overview, region, relay, rooms, gifts, transfer];
