import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{codec,engine,transport,client,relay,fleet,loadtest,demo,cli,lab,test,scripts,infra}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/target/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
