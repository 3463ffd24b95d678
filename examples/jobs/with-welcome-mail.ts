import type { UserRepository } from '../../routes/user-repository.js';
import { enqueueWelcomeMail, type MailQueue } from './mail-queue.js';

/** A repository whose new users are sent a mail. */
export function withWelcomeMail(users: UserRepository, queue: MailQueue): UserRepository {
  return {
    ...users,
    async create(input) {
      const user = await users.create(input);
      // The user exists and the mail is noted as due: without Redis now, a worker enqueues it later.
      await enqueueWelcomeMail(queue, user.id).catch((error: Error) => {
        console.warn(`The welcome mail of ${user.id} will be late: ${error.message}`);
      });
      return user;
    },
  };
}
