import { Inject, Injectable } from '@nestjs/common';
import {
  type CacheAside,
  type CachedValue,
  type CachedValueOptions,
  cacheAside,
  type RedisClient,
  type StoredValueOptions,
} from '../../index.js';
import { REDIS } from './redis.js';

/** The toolkit's `cacheAside` over the application's one client. */
@Injectable()
export class CacheService implements Pick<CacheAside, 'get' | 'set' | 'del' | 'getOrLoad' | 'mutate'> {
  readonly #cache: CacheAside;

  constructor(@Inject(REDIS) redis: RedisClient) {
    this.#cache = cacheAside({ redis });
  }

  get<T>(key: string, tags?: readonly string[]): Promise<CachedValue<T>> {
    return this.#cache.get<T>(key, tags);
  }

  set(key: string, value: unknown, options: StoredValueOptions): Promise<boolean> {
    return this.#cache.set(key, value, options);
  }

  del(key: string): Promise<void> {
    return this.#cache.del(key);
  }

  getOrLoad<T>(key: string, load: () => Promise<T>, options: CachedValueOptions): Promise<T> {
    return this.#cache.getOrLoad(key, load, options);
  }

  mutate<T>(tags: readonly string[], run: () => Promise<T>): Promise<T> {
    return this.#cache.mutate(tags, run);
  }
}
