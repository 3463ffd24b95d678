import { Body, Controller, HttpCode, Inject, Post, Req, UnauthorizedException } from '@nestjs/common';
import type { Request } from 'express';
import { Pool } from 'pg';
import type { z } from 'zod';
import type { Accounts } from '../../routes/auth.js';
import '../../routes/session-data.js';
import { credentials } from '../../routes/user-input.js';
import type { User } from '../../routes/user-repository.js';
import { createAccounts } from '../../server/accounts.js';
import { Valid } from './valid.pipe.js';

@Controller('auth')
export class AuthController {
  readonly #accounts: Accounts;

  constructor(@Inject(Pool) pool: Pool) {
    this.#accounts = createAccounts(pool);
  }

  @Post('login')
  @HttpCode(200)
  async login(
    @Req() req: Request,
    @Body(new Valid(credentials)) { email, password }: z.infer<typeof credentials>,
  ): Promise<User> {
    const user = await this.#accounts.verify(email, password);
    if (!user) throw new UnauthorizedException('The email or the password is wrong.');
    // A new id: one that somebody planted in this browser before the login must not become logged in.
    await req.session.regenerate();
    req.session.userId = user.id;
    return user;
  }
}
