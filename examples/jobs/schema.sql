SELECT pg_advisory_xact_lock(hashtext('express-redis-toolkit-jobs: schema'));

CREATE TABLE IF NOT EXISTS welcome_mails_due (
  user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  since timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS idempotency_keys (key text PRIMARY KEY, used_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS mails (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  recipient text NOT NULL,
  subject text NOT NULL,
  sent_at timestamptz NOT NULL DEFAULT now()
);

-- In the transaction that creates the user: a process that dies before it has told the queue forgets nothing.
CREATE OR REPLACE FUNCTION welcome_mail_is_due() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO welcome_mails_due (user_id) VALUES (NEW.id); RETURN NEW; END $$;
CREATE OR REPLACE TRIGGER welcome_mail_is_due AFTER INSERT ON users
  FOR EACH ROW EXECUTE FUNCTION welcome_mail_is_due();
