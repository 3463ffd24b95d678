import { createHash } from 'node:crypto';
import { luaTexts } from '../lua-texts.js';

/** A Lua script of `src/lua`, by the name of its file. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
}

const INCLUDE = /^--- @include "([\w-]+)"$/gm;

/**
 * The text of `src/lua/<name>.lua`; a line `--- @include "part"` is replaced by `src/lua/includes/part.lua`. Called while
 * modules load, so a missing file is noticed at start-up.
 */
export function loadScript(name: string): Script {
  const lua = textOf(name).replace(INCLUDE, (_line, part: string) => textOf(`includes/${part}`));
  return { name, lua, sha: sha1(lua) };
}

/** The same script under a digest of its own, so that `SCRIPT EXISTS` tells whether it was run under this label. */
export function labelledScript({ name, lua }: Script, label: string): Script {
  const labelled = `${lua}-- ${JSON.stringify(label)}\n`;
  return { name, lua: labelled, sha: sha1(labelled) };
}

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

function textOf(name: string): string {
  const text = luaTexts[name];
  if (text === undefined) throw new Error(`There is no src/lua/${name}.lua`);
  return text;
}
