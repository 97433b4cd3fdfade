// Draws the report; plain JavaScript, put into the page as it stands.
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const main = document.getElementById('report');
  const { facts, metrics, tracks, timesS } = data;

  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const value = (metric, figure) => metrics[metric]?.values[figure];
  const ms = (number) => (number === undefined ? undefined : `${number.toFixed(1)} ms`);
  const percent = (number) => (number === undefined ? undefined : `${(100 * number).toFixed(2)} %`);

  function head() {
    const bad = Object.values(metrics)
      .flatMap(({ thresholds }) => Object.values(thresholds ?? {}))
      .filter(({ ok }) => !ok);
    main.append(element('h1', `Load test ${facts.script}`));
    const line = element('p', undefined, { class: 'facts' });
    const words =
      facts.exitCode === 0
        ? 'passed'
        : bad.length > 0
          ? `${bad.length} thresholds crossed`
          : `exit code ${facts.exitCode}`;
    line.append(element('span', words, { class: `verdict ${facts.exitCode === 0 ? 'good' : 'bad'}` }));
    const target = facts.target ? ` against ${facts.target}` : '';
    line.append(` · ${facts.at} · ${(facts.durationMs / 1000).toFixed(1)} s${target} · ${facts.clock}`);
    main.append(line);
  }

  function tiles() {
    const list = [
      ['motion lag p99', ms(value('motion_lag', 'p(99)') ?? value('motion_lag', 'p(95)'))],
      ['voice lag p99', ms(value('voice_lag', 'p(99)') ?? value('voice_lag', 'p(95)'))],
      ['exact frames', percent(value('motion_exact', 'rate'))],
      ['voice gaps', percent(value('voice_gap', 'rate'))],
      ['viewers, at most', value('viewers', 'max')],
      ['gifts lost', percent(value('gift_lost', 'rate'))],
      ['iterations', value('iterations', 'count')],
    ].filter(([, shown]) => shown !== undefined);
    const box = element('div', undefined, { class: 'tiles' });
    for (const [title, shown] of list) {
      const tile = element('div', undefined, { class: 'tile' });
      tile.append(element('b', String(shown)), element('span', title));
      box.append(tile);
    }
    main.append(box);
  }

  function thresholds() {
    const rows = Object.entries(metrics).flatMap(([name, { thresholds: list }]) =>
      Object.entries(list ?? {}).map(([source, { ok }]) => ({ name, source, ok })),
    );
    if (rows.length === 0) return;
    const section = element('section');
    section.append(element('h2', 'Thresholds'));
    const table = element('table');
    for (const { name, source, ok } of rows) {
      const row = element('tr');
      row.append(
        element('td', ok ? '✓ holds' : '✗ crossed', { class: ok ? 'good' : 'bad' }),
        element('td', name),
        element('td', source),
      );
      table.append(row);
    }
    section.append(table);
    main.append(section);
  }

  /** Title, what it says, unit of the axis, lines: [label, metric, figure, colour, factor]. */
  const PLOTS = [
    [
      'Motion lag',
      'Capture to presentation, one way.',
      'ms',
      [
        ['p50', 'motion_lag', 'p50', '--a'],
        ['p95', 'motion_lag', 'p95', '--b'],
        ['p99', 'motion_lag', 'p99', '--c'],
      ],
    ],
    [
      'Voice lag',
      'Capture to the ear, one way.',
      'ms',
      [
        ['p50', 'voice_lag', 'p50', '--a'],
        ['p95', 'voice_lag', 'p95', '--b'],
        ['p99', 'voice_lag', 'p99', '--c'],
      ],
    ],
    [
      'Arrival',
      'Capture to arrival: network, relay and holding, before playout.',
      'ms',
      [
        ['motion p50', 'motion_arrival_lag', 'p50', '--a'],
        ['motion p99', 'motion_arrival_lag', 'p99', '--c'],
        ['voice p99', 'voice_arrival_lag', 'p99', '--d'],
      ],
    ],
    [
      'Comments and gifts',
      'Sent to shown.',
      'ms',
      [
        ['comments p95', 'comment_lag', 'p95', '--a'],
        ['gifts p95', 'gift_lag', 'p95', '--c'],
      ],
    ],
    [
      'What viewers missed',
      'Frames not exact at their time, voice not there when it was to sound.',
      '%',
      [
        ['motion not exact', 'motion_exact', 'share', '--a', (share) => 100 * (1 - share)],
        ['voice gaps', 'voice_gap', 'share', '--c', (share) => 100 * share],
      ],
    ],
    [
      'Users',
      'Viewers in rooms, virtual users at work.',
      '',
      [
        ['viewers', 'viewers', 'value', '--a'],
        ['VUs', 'vus', 'value', '--b'],
        ['viewers, says the relay', 'relay_viewers', 'value', '--d'],
      ],
    ],
    [
      'Bytes',
      'A second, over all sessions.',
      'kB/s',
      [
        ['received', 'data_received', 'rate', '--a', (bytes) => bytes / 1000],
        ['sent', 'data_sent', 'rate', '--b', (bytes) => bytes / 1000],
        ['relay, out', 'relay_bytes_out', 'rate', '--d', (bytes) => bytes / 1000],
      ],
    ],
    ['Relay', 'CPU of its process (100 % is one core).', '%', [['CPU', 'relay_cpu', 'percent', '--c']]],
    [
      'The runner itself',
      'How late this process was: lag that is not the relay’s.',
      'ms',
      [
        ['p50', 'runner_delay', 'p50', '--a'],
        ['p99', 'runner_delay', 'p99', '--c'],
      ],
    ],
    [
      'Joining',
      'From the call to media.',
      'ms',
      [
        ['p50', 'join_time', 'p50', '--a'],
        ['p99', 'join_time', 'p99', '--c'],
      ],
    ],
    [
      'Iterations',
      'A second.',
      '/s',
      [
        ['done', 'iterations', 'rate', '--a'],
        ['dropped', 'dropped_iterations', 'rate', '--c'],
      ],
    ],
  ];

  const drawn = [];

  function plot(box, [title, says, unit, lines]) {
    const found = lines.flatMap(([label, metric, figure, colour, change = (x) => x]) => {
      const track = tracks.find((each) => each.metric === metric && each.figure === figure);
      if (!track) return [];
      return [
        {
          label,
          colour,
          values: timesS.map((_, at) =>
            track.values[at] === undefined || track.values[at] === null ? null : change(track.values[at]),
          ),
        },
      ];
    });
    if (found.length === 0) return;
    const section = element('section');
    section.append(element('h2', unit ? `${title}, ${unit}` : title), element('p', says));
    const place = element('div', undefined, { role: 'img', 'aria-label': `${title} over time` });
    section.append(place);
    box.append(section);
    drawn.push({ place, found, unit });
  }

  function draw() {
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    for (const each of drawn) {
      each.chart?.destroy();
      const axis = {
        stroke: colour('--soft'),
        grid: { stroke: colour('--line'), width: 1 },
        ticks: { stroke: colour('--line') },
      };
      each.chart = new uPlot(
        {
          width: Math.max(240, each.place.clientWidth),
          height: 200,
          scales: { x: { time: false }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.1 : 1] } },
          axes: [
            { ...axis, values: (_, ticks) => ticks.map((s) => `${s} s`) },
            { ...axis, size: 56 },
          ],
          series: [
            { label: 'time', value: (_, s) => (s === null || s === undefined ? '' : `${s.toFixed(0)} s`) },
            ...each.found.map(({ label, colour: name }) => ({
              label,
              stroke: colour(name),
              width: 2,
              spanGaps: true,
              points: { show: each.found.some(({ values }) => values.filter((value) => value !== null).length < 4) },
              value: (_, shown) => (shown === null || shown === undefined ? '' : `${shown.toFixed(1)} ${each.unit}`),
            })),
          ],
        },
        [timesS, ...each.found.map(({ values }) => values)],
        each.place,
      );
    }
  }

  head();
  tiles();
  thresholds();
  const plots = element('div', undefined, { class: 'plots' });
  main.append(plots);
  for (const each of PLOTS) plot(plots, each);
  const text = element('section');
  text.append(element('h2', 'Summary'), element('pre', data.summary.trim()));
  text.style.marginTop = '16px';
  main.append(text);
  draw();
  let timer;
  addEventListener('resize', () => {
    clearTimeout(timer);
    timer = setTimeout(draw, 100);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  addEventListener('beforeprint', draw);
  addEventListener('afterprint', draw);
})();
