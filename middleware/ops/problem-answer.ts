import type { Response } from 'express';
import { sendProblem } from '../send-problem.js';

export const refuseWith = (res: Response, status: number, detail: string): void =>
  sendProblem(res, { status, detail });
