CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  -- The order of the list: unlike created_at it is never the same for two users.
  position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  email text NOT NULL,
  name text NOT NULL,
  password_hash text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX users_email_key ON users (lower(email));

COMMENT ON COLUMN users.password_hash IS 'Null for someone who is listed but cannot log in';
