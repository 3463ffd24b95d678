import { DEMO_PASSWORD } from './seed.js';

export const DEMO_EMAIL = 'alice@example.com';

/** What to try, in the order that tells the most: a miss, a login, and a change that is visible at once. */
export function welcome(port: number, userId: string): string {
  const url = `http://localhost:${port}`;
  const json = "-H 'Content-Type: application/json'";
  const login = JSON.stringify({ email: DEMO_EMAIL, password: DEMO_PASSWORD });
  return `
Listening on ${url}. Try:

  curl -i '${url}/users?limit=3'
  curl -i ${url}/users/${userId}
  curl -i -c cookies.txt ${json} -d '${login}' ${url}/auth/login
  curl -i -b cookies.txt -X PATCH ${json} -d '{"name":"Somebody Else"}' ${url}/users/${userId}
  curl -i ${url}/health/ready

Ctrl-C stops the server and everything that it started.`;
}
