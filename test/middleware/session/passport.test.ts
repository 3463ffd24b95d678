import flash from 'connect-flash';
import express, { type Express } from 'express';
import { Passport } from 'passport';
import { Strategy } from 'passport-local';
import { describe, expect, test } from 'vitest';
import { redisForFile } from '../support/redis-for-file.js';
import { data } from './support/session-client.js';
import { KINDS, serveKind } from './support/session-kinds.js';

const file = redisForFile();

function passportRoutes(app: Express): void {
  const passport = new Passport();
  passport.use(
    new Strategy((username, password, done) => {
      if (password === 'right') done(null, { name: username });
      else done(null, false, { message: 'Wrong password.' });
    }),
  );
  passport.serializeUser((user, done) => setImmediate(done, null, (user as { name: string }).name));
  passport.deserializeUser((name, done) => done(null, { name: name as string }));
  app.use(express.urlencoded(), flash(), passport.session());
  app.get('/cart', (req, res) => {
    data(req).cart = ['book'];
    res.end();
  });
  const redirects = { successRedirect: '/me', failureRedirect: '/login', failureFlash: true };
  app.post('/login', passport.authenticate('local', redirects));
  app.post('/login-keeping', passport.authenticate('local', { ...redirects, keepSessionInfo: true }));
  app.get('/login', (req, res) => void res.json(req.flash('error')));
  app.post('/logout', (req, res, next) => {
    req.logout({ keepSessionInfo: req.query.keep === '1' }, (error) =>
      error ? next(error) : res.redirect('/me'),
    );
  });
  app.get('/me', (req, res) => void res.json({ user: req.user ?? null, cart: data(req).cart ?? null }));
}

const form = (password: string): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams({ username: 'ann', password }),
});

describe.each(KINDS)('passport on %s', (kind) => {
  const start = () => serveKind(kind, file.redis, {}, passportRoutes);

  test('login gives the session a new id and drops its data, unless keepSessionInfo is set', async () => {
    const { client } = await start();
    for (const [path, cart] of [
      ['/login', null],
      ['/login-keeping', ['book']],
    ] as const) {
      const one = client();
      await one.get('/cart');
      const before = one.cookie;
      const { status, headers } = await one.get(path, form('right'));
      expect([status, headers.get('location')]).toEqual([302, '/me']);
      expect(one.cookie).not.toBe(before);
      expect(JSON.parse((await one.get('/me')).text)).toEqual({ user: { name: 'ann' }, cart });
      expect(JSON.parse((await client(before).get('/me')).text)).toEqual({ user: null, cart: null });
    }
  });

  test('a failed login leaves a flash message that is shown once', async () => {
    const { client } = await start();
    const one = client();
    expect((await one.get('/login', form('wrong'))).headers.get('location')).toBe('/login');
    expect((await one.get('/login')).text).toBe('["Wrong password."]');
    expect((await one.get('/login')).text).toBe('[]');
  });

  test('logout ends the old session id and drops its data, unless keepSessionInfo is set', async () => {
    const { client } = await start();
    for (const [path, cart] of [
      ['/logout', null],
      ['/logout?keep=1', ['book']],
    ] as const) {
      const one = client();
      await one.get('/login', form('right'));
      await one.get('/cart');
      const before = one.cookie;
      await one.get(path, { method: 'POST' });
      expect(JSON.parse((await one.get('/me')).text)).toEqual({ user: null, cart });
      expect(JSON.parse((await client(before).get('/me')).text)).toEqual({ user: null, cart: null });
    }
  });
});
