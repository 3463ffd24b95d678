const { deepStrictEqual, ok } = require('node:assert');
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const guide = readFileSync(join(__dirname, '../../docs/guides/bundlers.md'), 'utf8');

// What an app imports does not bring what it does not use.
const leftOut = {
  withLock: /middleware|src\/(cache|cache-aside|sessions|limits|messages|http)\//,
  rateLimit: /middleware\/(cache|session)\/|src\/(cache|cache-aside|sessions|messages)\//,
  session: /middleware\/(cache|rate-limit)\/|src\/(cache|cache-aside|limits|messages)\//,
  cacheResponse:
    /middleware\/(session|rate-limit)\/(?!index|request-property)|src\/(cache-aside|limits|messages)\//,
  invalidateOn: /middleware\/(session|rate-limit)\/|src\/(cache-aside|limits|sessions|messages)\//,
  cacheAside: /middleware|src\/(sessions|limits|messages)\//,
  publisher: /middleware|src\/(cache|cache-aside|sessions|limits|locks|tags)\//,
};

for (const name of readdirSync('out').filter((file) => file.endsWith('.json'))) {
  const { outputs } = JSON.parse(readFileSync(`out/${name}`, 'utf8'));
  const [{ inputs, bytes }] = Object.values(outputs);
  const used = Object.entries(inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => path.replace(/.*express-redis-toolkit\/dist\/modules\//, ''));
  const imported = name.replace('.json', '');
  deepStrictEqual(
    used.filter((path) => !path.startsWith('node_modules') && leftOut[imported].test(path)),
    [],
    `${imported} brings files that it does not use`,
  );
  const [, stated] = new RegExp(`\\| \`${imported}\` \\| ([\\d,]+) \\|`).exec(guide);
  const tenthOff = Math.abs(bytes / Number(stated.replaceAll(',', '')) - 1) > 0.1;
  ok(!tenthOff, `${imported} brings ${bytes} bytes; docs/guides/bundlers.md says ${stated}`);
  console.log(`${imported}: ${bytes} bytes`);
}
