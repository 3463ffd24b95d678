import { type DynamicModule, Global, Inject, Module, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { closeRedis, connectRedis, type RedisClient } from '../../index.js';
import { CacheService } from './cache.service.js';
import { REDIS } from './redis.js';

@Global()
@Module({})
export class CacheModule implements OnModuleDestroy {
  constructor(
    @Inject(REDIS) private readonly redis: RedisClient,
    @Inject(HttpAdapterHost) private readonly http: HttpAdapterHost,
  ) {}

  static forRoot(url: string): DynamicModule {
    return {
      module: CacheModule,
      providers: [{ provide: REDIS, useFactory: () => connectRedis(url) }, CacheService],
      exports: [REDIS, CacheService],
    };
  }

  async onModuleDestroy(): Promise<void> {
    // Nest closes the HTTP server only after this, and requests in flight still have sessions to save.
    await this.http.httpAdapter.close();
    await closeRedis(this.redis);
  }
}
