import { confirmed, element, showRows, showText } from './dom.mjs';
import { duration } from './format.mjs';
import { showState } from './view.mjs';

const EVERY_MS = 1000;
// Longer than the server waits for Redis by default, so that it can say so itself.
const ANSWERS_WITHIN_MS = 5000;
const LONGEST_RESULT = 20_000;
const SESSIONS_SHOWN = 100;
let token;
let limiters = [];

async function ask(path, init) {
  const response = await fetch(`api/${path}`, init);
  // Whoever stands in front, such as a page to log in, may answer otherwise.
  const answer = await response.json().catch(() => undefined);
  if (!response.ok || !answer) throw new Error(answer?.detail ?? `${response.status} ${response.url}`);
  return answer;
}

// What is shown must not grow old unnoticed when the server is frozen.
const read = (path) => ask(path, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });

const question = (path, query) => read(`${path}?${new URLSearchParams(query)}`);

const action = (path, body) =>
  ask(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Ops-Token': token },
    body: JSON.stringify(body),
  });

async function refresh() {
  try {
    if (document.visibilityState === 'hidden') return;
    const state = await read('state');
    ({ token, limiters } = state);
    showState(state, lookUp);
  } catch (error) {
    showText('redis', `This page gets no answer: ${error.message}`, true);
  } finally {
    window.setTimeout(refresh, EVERY_MS);
  }
}

/** Shows the answer, or why there is none. */
async function show(answering) {
  try {
    const answer = await answering;
    showText(
      'result',
      answer === undefined ? 'Nothing was done.' : JSON.stringify(answer, null, 2).slice(0, LONGEST_RESULT),
    );
    return answer;
  } catch (error) {
    showText('result', error.message, true);
    return undefined;
  }
}

/** Runs the handler of a form by the button that was pressed. */
function onSubmit(id, handlers) {
  element(id).addEventListener('submit', (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target));
    handlers[event.submitter?.value || 'ask'](values);
  });
}

function lookUp(limiterName, client) {
  const { limiter, client: input } = element('client-form').elements;
  // Decisions do not say the prefix of their limiter.
  limiter.value = limiters.find(({ id, name }) => [id, name].includes(limiterName))?.id ?? limiter.value;
  input.value = client;
  input.focus();
  return show(question('limits', { limiter: limiter.value, client }));
}

onSubmit('client-form', {
  ask: ({ limiter, client }) => show(question('limits', { limiter, client })),
  reset: ({ limiter, client }) => show(action('limits/reset', { limiter, client })),
  unblock: ({ limiter, client }) => show(action('limits/unblock', { limiter, client })),
  block: async ({ limiter, client, seconds }) => {
    if (await confirmed(`Refuse ${client} at ${limiter} for ${duration(seconds * 1000)}?`))
      await show(action('limits/block', { limiter, client, seconds: Number(seconds) }));
  },
});

async function list(user) {
  const answer = await show(question('sessions', { user }));
  const sessions = answer?.sessions ?? [];
  const rows = sessions.slice(-SESSIONS_SHOWN).map(({ handle, createdAt, lastSeenAt, device }) => ({
    key: handle,
    cells: [
      handle.slice(0, 12),
      new Date(createdAt).toLocaleString(),
      new Date(lastSeenAt).toLocaleString(),
      device === undefined ? '–' : JSON.stringify(device),
    ],
    ...(token && {
      button: { text: 'End', label: `End ${handle.slice(0, 12)}`, act: () => end({ user, handle }) },
    }),
  }));
  const more = sessions.length - rows.length;
  if (more > 0) rows.push({ key: '…', cells: [`and ${more} older ones`, '', '', '', ''] });
  showRows('sessions', rows, 'No session.');
}

async function end(body) {
  const answer = await show(action('sessions/end', body));
  await list(body.user);
  if (answer) await show(answer);
}

onSubmit('sessions-form', {
  ask: ({ user }) => list(user),
  end: async ({ user }) => {
    if (await confirmed(`End all sessions of ${user}?`)) await end({ user });
  },
});

onSubmit('entry-form', { ask: ({ entry }) => show(question('cache', { entry })) });

onSubmit('purge-form', {
  ask: async ({ kind, names }) => {
    const lines = names.split('\n').map((name) => name.trim());
    const purged = lines.filter((name) => name !== '');
    if (purged.length < 2 || (await confirmed(`Purge ${purged.length} ${kind}?`)))
      await show(action('cache/purge', { [kind]: purged }));
  },
  clear: async () => {
    if (await confirmed('Clear the whole cache? Each response is made anew.'))
      await show(action('cache/clear', {}));
  },
});

element('entry-form').elements.entry.value = `${location.origin}/`;
await refresh();
