import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Instead of looking for mistakes `npm run screenshots` makes pictures, and `npm run bench` measures. */
const FILES: Record<string, string[]> = {
  screenshots: ['e2e/screenshots.ts'],
  bench: ['e2e/speed.ts', 'e2e/load.spec.ts', 'e2e/live.spec.ts'],
};

export default defineConfig(({ mode }) => ({
  resolve: { alias: { '@': fileURLToPath(new URL('../src', import.meta.url)) } },
  test: {
    include: FILES[mode] ?? ['e2e/*.spec.ts'],
    globalSetup: 'e2e/support/setup.ts',
    // One after the other: several of them measure.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000, interval: 20 } },
    disableConsoleIntercept: true,
    reporters: ['verbose'],
  },
}));
