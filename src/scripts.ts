import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A Lua script of `src/lua`, by the name of its file. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
}

/** Reads `src/lua/<name>.lua`. Called while modules load, so a missing file shows at start-up. */
export function loadScript(name: string): Script {
  const lua = readFileSync(join(__dirname, 'lua', `${name}.lua`), 'utf8');
  return { name, lua, sha: createHash('sha1').update(lua).digest('hex') };
}
