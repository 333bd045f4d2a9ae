import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    watch: false,
    // Two small cores, shared with others, are enough for every test that waits for nothing.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
