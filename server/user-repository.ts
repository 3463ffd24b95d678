import { DatabaseError, type Pool } from 'pg';
import { EmailTakenError, type UserRepository } from '../routes/user-repository.js';
import { hashPassword, type PasswordCost } from './password.js';
import { toUser, USER_COLUMNS, type UserRow } from './user-row.js';

const UNIQUE_VIOLATION = '23505';

/** Users in PostgreSQL, listed in the order in which they were created. */
export function createUserRepository(pool: Pool, passwordCost?: PasswordCost): UserRepository {
  async function rows(sql: string, values: unknown[]): Promise<UserRow[]> {
    try {
      return (await pool.query<UserRow>(sql, values)).rows;
    } catch (error) {
      const taken = error instanceof DatabaseError && error.code === UNIQUE_VIOLATION;
      throw taken && error.constraint === 'users_email_key' ? new EmailTakenError() : error;
    }
  }
  const one = async (sql: string, values: unknown[]) => (await rows(sql, values)).map(toUser)[0];

  return {
    async list({ limit, after }) {
      const found = await rows(
        `SELECT ${USER_COLUMNS} FROM users WHERE position > $1 ORDER BY position LIMIT $2`,
        [after ?? '0', limit + 1],
      );
      const shown = found.slice(0, limit);
      const next = found.length > limit ? shown.at(-1)!.position : null;
      return { users: shown.map(toUser), next };
    },

    get: (id) => one(`SELECT ${USER_COLUMNS} FROM users WHERE id = $1`, [id]),

    async create({ email, name, password }) {
      const created = await one(
        `INSERT INTO users (email, name, password_hash) VALUES ($1, $2, $3) RETURNING ${USER_COLUMNS}`,
        [email, name, await hashPassword(password, passwordCost)],
      );
      return created!;
    },

    patch: (id, { email, name }) =>
      one(
        `UPDATE users SET email = coalesce($2, email), name = coalesce($3, name), updated_at = now()
         WHERE id = $1 RETURNING ${USER_COLUMNS}`,
        [id, email, name],
      ),

    async delete(id) {
      const { rowCount } = await pool.query('DELETE FROM users WHERE id = $1', [id]);
      return rowCount === 1;
    },
  };
}
