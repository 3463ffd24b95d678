import { BadRequestException, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';

/** Parses with a zod schema; a 400 says what is wrong. */
export class Valid<T> implements PipeTransform<unknown, T> {
  constructor(private readonly schema: z.ZodType<T>) {}

  transform(value: unknown): T {
    const { success, data, error } = this.schema.safeParse(value);
    if (success) return data;
    throw new BadRequestException(z.treeifyError(error));
  }
}
