import { Inject, Injectable } from '@nestjs/common';
import { Pool } from 'pg';
import type { NewUser, User, UserChanges } from '../../routes/user-repository.js';
import { createUserRepository } from '../../server/user-repository.js';
import { CacheService } from './cache.service.js';

@Injectable()
export class UsersService {
  readonly #users;

  constructor(
    @Inject(Pool) pool: Pool,
    @Inject(CacheService) private readonly cache: CacheService,
  ) {
    this.#users = createUserRepository(pool);
  }

  /** From the cache; from PostgreSQL when it is not there, once for all who ask meanwhile. */
  get(id: string): Promise<User | undefined> {
    return this.cache.getOrLoad(`user:${id}`, () => this.#users.get(id), {
      ttlSeconds: 60,
      tags: [`user:${id}`],
    });
  }

  create(user: NewUser): Promise<User> {
    return this.#users.create(user);
  }

  /** Nobody is given the older user once this resolves. */
  update(id: string, changes: UserChanges): Promise<User | undefined> {
    return this.cache.mutate([`user:${id}`], () => this.#users.patch(id, changes));
  }
}
