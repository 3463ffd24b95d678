import {
  Body,
  ConflictException,
  Controller,
  Get,
  Inject,
  NotFoundException,
  Param,
  Patch,
  Post,
  Req,
  UseGuards,
} from '@nestjs/common';
import type { Request } from 'express';
import { z } from 'zod';
import { newUser, userChanges } from '../../routes/user-input.js';
import { EmailTakenError, type NewUser, type User, type UserChanges } from '../../routes/user-repository.js';
import { LoggedIn } from './logged-in.guard.js';
import { UsersService } from './users.service.js';
import { Valid } from './valid.pipe.js';

const anId = z.uuid().toLowerCase();

@Controller('users')
export class UsersController {
  constructor(@Inject(UsersService) private readonly users: UsersService) {}

  @Get(':id')
  async get(@Param('id', new Valid(anId)) id: string): Promise<User> {
    return found(await this.users.get(id));
  }

  @Post()
  create(@Body(new Valid(newUser)) body: NewUser): Promise<User> {
    return freeEmail(this.users.create(body));
  }

  @Patch('me')
  @UseGuards(LoggedIn)
  async update(@Req() req: Request, @Body(new Valid(userChanges)) body: UserChanges): Promise<User> {
    return found(await freeEmail(this.users.update(req.session.userId!, body)));
  }
}

function found(user: User | undefined): User {
  if (!user) throw new NotFoundException('There is no user with this id.');
  return user;
}

async function freeEmail<T>(writing: Promise<T>): Promise<T> {
  try {
    return await writing;
  } catch (error) {
    throw error instanceof EmailTakenError ? new ConflictException(error.message) : error;
  }
}
