import { spawn } from 'node:child_process';
import { startServices } from '../server/services/start-services.js';

async function main([command, ...args]: string[]): Promise<number> {
  if (!command) throw new Error('usage: tsx scripts/with-services.ts <command> [arguments]');
  const services = await startServices({
    redisUrl: process.env.REDIS_URL,
    databaseUrl: process.env.DATABASE_URL,
  });
  const env = { ...process.env, REDIS_URL: services.redisUrl, DATABASE_URL: services.databaseUrl };
  try {
    return await new Promise((resolve, reject) => {
      spawn(command, args, { env, stdio: 'inherit' })
        .on('error', reject)
        .on('close', (code) => resolve(code ?? 1));
    });
  } finally {
    await services.stop();
  }
}

void main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
