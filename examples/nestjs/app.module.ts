import { type DynamicModule, Module } from '@nestjs/common';
import { AuthController } from './auth.controller.js';
import { CacheModule } from './cache.module.js';
import { DatabaseModule } from './database.module.js';
import { UsersController } from './users.controller.js';
import { UsersService } from './users.service.js';

@Module({ controllers: [UsersController, AuthController], providers: [UsersService] })
class AppModule {}

export function appModule({
  redisUrl,
  databaseUrl,
}: {
  redisUrl: string;
  databaseUrl: string;
}): DynamicModule {
  return { module: AppModule, imports: [CacheModule.forRoot(redisUrl), DatabaseModule.forRoot(databaseUrl)] };
}
