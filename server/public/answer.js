// Sends a request, and shows its answer with what Redis was asked meanwhile.

const SHOWN = [
  'Cache-Status',
  'Age',
  'ETag',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Cache-Control',
  'Content-Type',
  'X-Request-Id',
];
// Some commands follow the answer: an entry is stored when the client has it.
const AFTERWARDS_MS = 150;

// A section shows the answer of its newest request, whichever is answered last.
const newest = new Map();

/** The JSON of an answer; undefined for an error, or without an answer. */
export async function jsonOf(path) {
  const response = await fetch(path).catch(() => undefined);
  return response?.ok ? response.json() : undefined;
}

// Undefined where the commands are not shown.
const commandsSince = (number) => jsonOf(`page/commands?since=${number}`);

/** Sends it, shows the answer in the section, and resolves with status, fields and body. */
export async function send(section, method, path, { body, credentials = 'same-origin', verdict } = {}) {
  const number = (newest.get(section) ?? 0) + 1;
  newest.set(section, number);
  const show = (parts) => {
    if (newest.get(section) === number) section.querySelector('.answer').replaceChildren(...parts);
  };
  const before = await commandsSince(0);
  const began = performance.now();
  const init = { method, credentials };
  if (body !== undefined) {
    init.headers = { 'Content-Type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    show([element('p', 'The server does not answer.', 'verdict bad')]);
    return { status: 0, field: () => '', json: undefined };
  }
  const text = await response.text();
  const ms = Math.round(performance.now() - began);
  const answer = {
    status: response.status,
    field: (name) => response.headers.get(name) ?? '',
    json: /\bjson\b/.test(response.headers.get('Content-Type') ?? '') ? JSON.parse(text) : undefined,
  };
  await new Promise((resolve) => setTimeout(resolve, AFTERWARDS_MS));
  const said =
    verdict?.(answer) ?? answer.json?.detail ?? (answer.json || text === '' ? response.statusText : text);
  show([
    element('p', `${said} (${method} ${path}: ${response.status}, ${ms} ms)`, kindOf(response)),
    fieldsOf(answer),
    commandList(before && (await commandsSince(before.next))?.commands),
  ]);
  return answer;
}

const kindOf = (response) => `verdict ${response.ok ? 'good' : 'bad'}`;

function fieldsOf({ field }) {
  const list = document.createElement('dl');
  for (const name of SHOWN.filter((name) => field(name) !== '')) {
    list.append(element('dt', name), element('dd', field(name)));
  }
  return list;
}

function commandList(commands) {
  if (!commands)
    return element('p', "Redis' commands are shown in a browser on the server's own machine only.");
  const list = document.createElement('ol');
  list.className = 'commands';
  list.setAttribute('aria-label', "Redis' commands");
  if (commands.length === 0) list.append(element('li', 'Redis was not asked.'));
  for (const command of commands) list.append(element('li', command));
  return list;
}

/** An element with text. Nothing on this page is ever parsed as HTML. */
export function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
