import { randomBytes } from 'node:crypto';
import { startServices } from '../../server/services/start-services.js';
import { createNestApp } from './create-app.js';

// npx tsx examples/nestjs/main.ts, with PORT, REDIS_URL, DATABASE_URL and SESSION_SECRET as the sample server has them.
async function main({ PORT, REDIS_URL, DATABASE_URL, SESSION_SECRET }: NodeJS.ProcessEnv): Promise<void> {
  const services = await startServices({ redisUrl: REDIS_URL, databaseUrl: DATABASE_URL }, console.log);
  const sessionSecret = SESSION_SECRET ?? randomBytes(32).toString('base64url');
  const app = await createNestApp({ ...services, sessionSecret });
  await app.listen(Number(PORT ?? 3000));
  console.log(`NestJS is listening on ${await app.getUrl()}`);
}

void main(process.env);
