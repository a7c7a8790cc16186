import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** `npm run screenshots` makes pictures instead of looking for mistakes. */
export default defineConfig(({ mode }) => ({
  resolve: { alias: { '@': fileURLToPath(new URL('../src', import.meta.url)) } },
  test: {
    include: [mode === 'screenshots' ? 'e2e/screenshots.ts' : 'e2e/*.spec.ts'],
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
