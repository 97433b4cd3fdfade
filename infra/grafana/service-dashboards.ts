// What the service is for its users: lag, rooms, gifts.
import {
  ALONE,
  FEW,
  GOOD,
  NO_FAULT,
  NO_FLEET,
  NO_WEBHOOK,
  panel,
  q,
  quantile,
  REGION,
  RELAY,
  rate,
  sum,
} from './expressions.ts';
import type { Dashboard } from './grafana.ts';

export const overview: Dashboard = {
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

export const region: Dashboard = {
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

export const rooms: Dashboard = {
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

export const gifts: Dashboard = {
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
