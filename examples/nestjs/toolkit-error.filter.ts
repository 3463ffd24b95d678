import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { Response } from 'express';
import { ToolkitError } from '../../index.js';
import { DatabaseUnavailable } from '../../server/database-unavailable.js';

/** Nest reads a status from its own exceptions; this gives it those of the toolkit, and 503 while a server is away. */
@Catch(ToolkitError, DatabaseUnavailable)
export class ToolkitErrorFilter implements ExceptionFilter<ToolkitError | DatabaseUnavailable> {
  readonly #logger = new Logger('Toolkit');

  catch(error: ToolkitError | DatabaseUnavailable, host: ArgumentsHost): void {
    const { status, stack } = error;
    const code = error instanceof ToolkitError ? error.code : 'DATABASE_UNAVAILABLE';
    if (status === 500) this.#logger.error(stack);
    host.switchToHttp().getResponse<Response>().status(status).json({ statusCode: status, code });
  }
}
