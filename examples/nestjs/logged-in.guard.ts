import { type CanActivate, type ExecutionContext, UnauthorizedException } from '@nestjs/common';
import type { Request } from 'express';
import '../../routes/session-data.js';

export class LoggedIn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { session } = context.switchToHttp().getRequest<Request>();
    if (!session.userId) throw new UnauthorizedException('Log in first.');
    return true;
  }
}
