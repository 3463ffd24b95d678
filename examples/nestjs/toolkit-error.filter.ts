import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { Response } from 'express';
import { ToolkitError } from '../../index.js';

/** Nest reads a status from its own exceptions; this gives it those of the toolkit, 503 while Redis is away. */
@Catch(ToolkitError)
export class ToolkitErrorFilter implements ExceptionFilter<ToolkitError> {
  readonly #logger = new Logger('Toolkit');

  catch({ code, status, stack }: ToolkitError, host: ArgumentsHost): void {
    if (status === 500) this.#logger.error(stack);
    host.switchToHttp().getResponse<Response>().status(status).json({ statusCode: status, code });
  }
}
