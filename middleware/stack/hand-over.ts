import { IncomingMessage } from 'node:http';
import type { Request } from 'express';

interface Owed {
  readonly names: readonly string[];
  put(): void;
}

// Requests that are still among the toolkit's own middlewares, with what these have not put on them yet.
const owing = Symbol('express-redis-toolkit.owing');

type Carrier = Request & { [owing]?: Owed[] | undefined };

/** From here on, until `handOver`, only the toolkit's own middlewares see the request. */
export function keepAmongOwn(req: Request): void {
  (req as Carrier)[owing] ??= [];
}

/** Whoever comes next may be anybody: puts all that is owed in its place. */
export function handOver(req: Request): void {
  const owed = (req as Carrier)[owing];
  if (!owed) return;
  (req as Carrier)[owing] = undefined;
  for (const one of owed) one.put();
}

/**
 * Puts properties on a request, and whatever belongs to them on its response, that only others look for. Among the
 * toolkit's own middlewares that waits until a callback of the options does: a hit of the cache in a `stack` meets
 * nobody, and takes 6 % less CPU for it (8 % with Node 24).
 */
export function putForOthers(req: Request, names: readonly string[], put: () => void): void {
  const owed = (req as Carrier)[owing];
  if (owed && showAtFirstLook(req, names)) owed.push({ names, put });
  else put();
}

function showAtFirstLook(req: Request, names: readonly string[]): boolean {
  const prototype: object = Object.getPrototypeOf(req);
  const root = roots.get(prototype) ?? rootOf(prototype);
  roots.set(prototype, root);
  return names.every((name) => !Object.hasOwn(req, name) && (root.shown.has(name) || declare(root, name)));
}

/** What all requests of an Express inherit from, and the properties that we have put there. */
interface Root {
  /** `express.request`; a request of plain Node has none. */
  readonly object: object | undefined;
  readonly shown: Set<string>;
}

const roots = new WeakMap<object, Root>();

function rootOf(prototype: object): Root {
  const above: object | null = Object.getPrototypeOf(prototype);
  if (above && above !== IncomingMessage.prototype) return roots.get(above) ?? rootOf(above);
  const root = { object: above ? prototype : undefined, shown: new Set<string>() };
  roots.set(prototype, root);
  return root;
}

// Somebody else's property of that name stays as it is.
function declare({ object, shown }: Root, name: string): boolean {
  if (!object || name in object || !Object.isExtensible(object)) return false;
  Object.defineProperty(object, name, {
    get(this: Request) {
      putOwed(this, name);
      const holder = holderOf(this, name, object);
      return holder && Reflect.get(holder, name, this);
    },
    set(this: Request, value: unknown) {
      putOwed(this, name);
      const holder = holderOf(this, name, object);
      if (holder) Reflect.set(holder, name, value, this);
      else Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    },
    configurable: true,
  });
  shown.add(name);
  return true;
}

// What asks may be made from a request (`Object.create(req)`), which has what was put.
function holderOf(asked: object, name: string, root: object): object | undefined {
  for (let at: object | null = asked; at && at !== root; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, name)) return at;
  }
  return undefined;
}

function putOwed(req: Request, name: string): void {
  const owed = (req as Carrier)[owing];
  const at = owed?.findIndex(({ names }) => names.includes(name)) ?? -1;
  if (at >= 0) for (const one of owed!.splice(at, 1)) one.put();
}
