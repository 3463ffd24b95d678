import { DEMO_PASSWORD } from './seed.js';

export const DEMO_EMAIL = 'alice@example.com';

/** The requests to try, in the order that tells the most: a miss and a hit, a login, a change that is visible at once, a 429. */
export function welcome(port: number, userId: string): string {
  const url = `http://localhost:${port}`;
  const json = "-H 'Content-Type: application/json'";
  const login = JSON.stringify({ email: DEMO_EMAIL, password: DEMO_PASSWORD });
  const guess = JSON.stringify({ email: 'nobody@example.com', password: 'a guess' });
  return `
Listening on ${url}. Open it in a browser, or try:

  # a miss, and then a hit: see Cache-Status
  curl -i ${url}/users/${userId}
  curl -i ${url}/users/${userId}
  # a login, a change, and a fresh answer
  curl -i -c cookies.txt ${json} -d '${login}' ${url}/auth/login
  curl -i -b cookies.txt -X PATCH ${json} -d '{"name":"Somebody Else"}' ${url}/users/${userId}
  curl -i ${url}/users/${userId}
  # ten guesses of a password, and a 429
  curl -s -w '%{http_code}\\n' -o /dev/null ${json} -d '${guess}' '${url}/auth/login?[1-11]'

Ctrl-C stops the server and everything that it started.`;
}
