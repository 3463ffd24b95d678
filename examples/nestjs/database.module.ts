import {
  type DynamicModule,
  Global,
  Inject,
  Logger,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Pool } from 'pg';
import { migrate } from '../../server/migrate.js';
import { openPool } from '../../server/postgres.js';

const logger = {
  warn: (fields: object, message: string) =>
    new Logger('PostgreSQL').warn(`${message} ${JSON.stringify(fields)}`),
};

@Global()
@Module({})
export class DatabaseModule implements OnModuleInit, OnApplicationShutdown {
  constructor(@Inject(Pool) private readonly pool: Pool) {}

  static forRoot(url: string): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [{ provide: Pool, useFactory: () => openPool(url, { logger }) }],
      exports: [Pool],
    };
  }

  async onModuleInit(): Promise<void> {
    await migrate(this.pool);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
