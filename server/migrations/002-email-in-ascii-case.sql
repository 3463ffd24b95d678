-- The lower case of a locale differs from that of JavaScript: İ (U+0130) is i in many, so that one person had several
-- names for the limit on logins. That of "C" is of ASCII letters alone, as in routes/email.ts.
DROP INDEX users_email_key;
CREATE UNIQUE INDEX users_email_key ON users (lower(email COLLATE "C"));
