const { match } = require('node:assert');
const { readFileSync } = require('node:fs');

// The scripts, for other languages.
const script = readFileSync(require.resolve('express-redis-toolkit/lua/refresh-tag.lua'), 'utf8');
match(script, /KEYS/);
