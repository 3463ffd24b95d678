import type { Pool } from 'pg';
import type { Accounts } from '../routes/auth.js';
import { oneSpelling } from '../routes/email.js';
import { impossibleHash, type PasswordCost, verifyPassword } from './password.js';
import { toUser, USER_COLUMNS, type UserRow } from './user-row.js';

/** Checks passwords against the users table. */
export function createAccounts(pool: Pool, passwordCost?: PasswordCost): Accounts {
  const nobody = impossibleHash(passwordCost);

  return {
    async verify(email, password) {
      const { rows } = await pool.query<UserRow & { password_hash: string | null }>(
        `SELECT ${USER_COLUMNS}, password_hash FROM users WHERE lower(email COLLATE "C") = $1`,
        [oneSpelling(email)],
      );
      const row = rows[0];
      // Hashed in every case: the time an answer takes must not tell whether the email is known.
      const matches = await verifyPassword(password, row?.password_hash ?? nobody);
      return row && matches ? toUser(row) : undefined;
    },
  };
}
