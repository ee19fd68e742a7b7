import { defineConfig } from 'vitest/config'

const SECOND_MS = 1000

/** Tests that talk to a server of their own kind get one Redis, started once for the whole run. */
const redisSetup = ['./test/support/redis-global-setup.ts']

/** Named by folder, so that `vitest run --project redis` and `test/redis/` mean the same tests. */
export default defineConfig({
  test: {
    // Two cores are what a small CI machine has; more workers than that only slow the servers under test.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/vectors/**/*.test.ts'],
          exclude: ['**/*.redis.test.ts'],
          testTimeout: 10 * SECOND_MS,
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          globalSetup: redisSetup,
          testTimeout: 30 * SECOND_MS,
          hookTimeout: 30 * SECOND_MS,
        },
      },
      {
        test: {
          name: 'redis',
          include: ['test/redis/**/*.test.ts', 'test/{unit,vectors}/**/*.redis.test.ts'],
          globalSetup: redisSetup,
          testTimeout: 60 * SECOND_MS,
          hookTimeout: 30 * SECOND_MS,
        },
      },
      {
        test: {
          name: 'fuzz',
          include: ['test/fuzz/**/*.test.ts'],
          globalSetup: redisSetup,
          testTimeout: 600 * SECOND_MS,
          hookTimeout: 60 * SECOND_MS,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 120 * SECOND_MS,
          hookTimeout: 60 * SECOND_MS,
        },
      },
      {
        test: {
          name: 'containers',
          include: ['test/containers/**/*.test.ts'],
          globalSetup: ['./test/support/docker-global-setup.ts'],
          testTimeout: 300 * SECOND_MS,
          hookTimeout: 300 * SECOND_MS,
        },
      },
      {
        test: {
          name: 'cli',
          include: ['test/cli/**/*.test.ts'],
          globalSetup: redisSetup,
          testTimeout: 120 * SECOND_MS,
          hookTimeout: 60 * SECOND_MS,
        },
      },
      {
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          globalSetup: redisSetup,
          testTimeout: 180 * SECOND_MS,
          hookTimeout: 180 * SECOND_MS,
        },
      },
    ],
  },
})
