import type { Request, Response } from 'express';

// V8 of Node 24 looks properties up fast enough without: there a request would cost 20 % more.
const IS_WORTH_IT = Number.parseInt(process.versions.v8, 10) < 13;

/**
 * Lets all requests of Express, and all responses, have one hidden class. Express gives each another prototype, after
 * which V8 makes a new class (1.3 KB) at each property that is added, and must look up anew everything that anybody
 * reads from it, Express and Node included. An object that a property is taken from becomes a dictionary, and these
 * share theirs: with Node 20 to 23 a request costs 9 % (a stack's hit) to 32 % (a limiter) less CPU. It takes 2.9 µs,
 * and once more 0.3 µs, which a middleware is spared whose question a `stack` has asked.
 */
export function shareShape(req: Request, res: Response): void {
  // What has not been through Express has a class in common already.
  if (!IS_WORTH_IT || req.res !== res || res.req !== req) return;
  if (Reflect.deleteProperty(res, 'req')) res.req = req;
  if (Reflect.deleteProperty(req, 'res')) req.res = res;
}
