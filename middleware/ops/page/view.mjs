import { element, showFacts, showOptions, showRows, showText } from './dom.mjs';
import { bytes, duration, percent, rate } from './format.mjs';

let last;

/** Shows a state of all processes. `lookUp` is called for a client that was chosen in the table. */
export function showState(state, lookUp) {
  showRedis(state);
  showProcesses(state.processes);
  showLimits(state, lookUp);
  showBlocked(state, lookUp);
  showCounts(state);
  showList(state);
  const isActing = !state.readOnly;
  element('read-only').hidden = isActing;
  for (const part of document.querySelectorAll('.action')) part.hidden = !isActing;
  showOptions(
    element('client-form').elements.limiter,
    state.limiters.map(({ id }) => id),
  );
  last = state;
}

function showRedis({ redis, actor, processes }) {
  if (!redis.isAvailable) {
    showText('redis', `Redis does not answer: ${redis.cause}. The page shows what this process knows.`, true);
    return;
  }
  const silent = processes.filter(({ isSilent }) => isSilent).length;
  const live = `${processes.length - silent} live ${processes.length - silent === 1 ? 'process' : 'processes'}`;
  showText('redis', `Redis answers. ${live}${silent > 0 ? `, ${silent} silent` : ''}.`, silent > 0);
  const most = redis.maxMemoryBytes > 0 ? ` of ${bytes(redis.maxMemoryBytes)}` : ', no limit';
  showFacts('facts', [
    ['Latency', `${redis.latencyMs} ms`],
    ['Memory', `${bytes(redis.memoryBytes)}${most} (${redis.evictionPolicy})`],
    ['Evicted', String(redis.evictedKeys)],
    ['Commands per s', String(redis.commandsPerSecond)],
    ['Connections', String(redis.clients)],
    ['Version', redis.version],
    ['You', actor],
  ]);
}

function showProcesses(processes) {
  const rows = processes.map((each) => ({
    key: each.id,
    isBad: each.isSilent,
    cells: [
      each.id,
      each.isSilent ? 'silent' : each.isOwn ? 'live, made this page' : 'live',
      each.cpuShare === undefined ? '–' : percent(each.cpuShare),
      bytes(each.memoryBytes),
      duration(each.uptimeSeconds === undefined ? undefined : each.uptimeSeconds * 1000),
      each.isSilent ? `${duration(each.reportAgeMs)} ago` : 'now',
    ],
  }));
  showRows('processes', rows, 'No process reports.');
}

function showLimits({ limits, clients, at }, lookUp) {
  const seconds = last ? Math.max(0.1, (Date.parse(at) - Date.parse(last.at)) / 1000) : undefined;
  const before = new Map(last?.limits.map((each) => [each.limiter, each]));
  const perSecond = (limit, column) => {
    const earlier = before.get(limit.limiter)?.[column] ?? 0;
    return seconds === undefined ? '–' : rate(Math.max(0, limit[column] - earlier) / seconds);
  };
  const rows = limits.map((limit) => ({
    key: limit.limiter,
    cells: [
      limit.limiter,
      perSecond(limit, 'admitted'),
      perSecond(limit, 'refused'),
      limit.admitted,
      limit.refused,
    ],
  }));
  showRows('limits', rows, 'No request was limited yet.');
  const refused = clients.map(({ client, limiter, refused: times, blockedMs }) => ({
    key: `${limiter}\n${client}`,
    cells: [client, limiter, times, blockedMs > 0 ? duration(blockedMs) : '–'],
    button: { text: 'Look up', label: `Look up ${client}`, act: () => lookUp(limiter, client) },
  }));
  showRows('clients', refused, 'Nobody was refused.');
}

function showBlocked({ blocked }, lookUp) {
  const rows = (blocked?.clients ?? []).map(({ client, limiter, blockedMs }) => ({
    key: `${limiter}\n${client}`,
    cells: [client, limiter, duration(blockedMs)],
    button: {
      text: 'Look up',
      label: `Look up blocked ${client}`,
      act: () => lookUp(limiter, client),
    },
  }));
  const more = blocked ? blocked.total - rows.length : 0;
  if (more > 0) rows.push({ key: '…', cells: [`and ${more} more`, '', '', ''] });
  showRows('blocked', rows, blocked ? 'Nobody is blocked.' : 'Redis does not say.');
}

const TOTALS = [
  ['filled', 'Responses stored'],
  ['purged', 'Purges'],
  ['created', 'Sessions created'],
  ['ended', 'Sessions ended'],
  ['loaded', 'Sessions loaded'],
  ['saved', 'Sessions saved'],
  ['lost', 'Session changes lost'],
];

function showCounts({ routes, totals, fallbacks }) {
  const ratios = routes.map(({ route, hits, misses }) => ({
    key: route,
    cells: [route, hits, misses, percent(hits / (hits + misses))],
  }));
  showRows('routes', ratios, 'Nobody asked the cache yet.');
  const without = fallbacks.map(({ middleware, requests }) => ({
    key: `without ${middleware}`,
    isBad: true,
    cells: [`Requests for which ${middleware} did without Redis`, requests],
  }));
  const rows = TOTALS.map(([name, label]) => ({ key: name, cells: [label, totals[name] ?? 0] }));
  showRows('totals', [...rows, ...without], '');
}

const time = (iso) => new Date(iso).toLocaleTimeString();

function showList({ locks, processes, actions }) {
  const held = locks.map(({ resource, heldMs, process }) => ({
    key: `${process}\n${resource}`,
    cells: [resource, duration(heldMs), process],
  }));
  showRows('locks', held, 'No lock is held.');
  const outages = processes.flatMap(({ id, outages: seen = [] }) =>
    seen.map(({ at, server, outageMs, cause }) => ({
      key: `${id}\n${at}\n${server}`,
      isBad: outageMs === undefined,
      cells: [time(at), outageMs === undefined ? 'goes on' : duration(outageMs), cause, id],
    })),
  );
  showRows('outages', outages, 'None since the processes started.');
  const done = actions.map(({ at, actor, action, on, outcome }) => ({
    key: `${at} ${action} ${JSON.stringify(on)}`,
    isBad: outcome === 'failed',
    cells: [time(at), actor, action, JSON.stringify(on), outcome],
  }));
  showRows('audit', done, 'None.');
}
