import type { Request } from 'express';
import 'express-redis-toolkit';

export function endSession(req: Request): void {
  req.session = null;
  req.session = undefined;
}
