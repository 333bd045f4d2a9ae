/**
 * The playground: a page with two devices and the sandbox server between them.
 *
 *   npm start                 on a free port
 *   npm start -- --port 5173 --data /tmp/playground
 *
 * The server keeps what it holds in a SQLite file, as a real one would: `.tidemark/playground.db`, or in `--data`.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createServer } from 'vite'
import { sandbox } from './sandbox/index.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, data: { type: 'string', default: path('../.tidemark') } },
})

const data = resolve(values.data)
mkdirSync(data, { recursive: true })
const server = await sandbox(join(data, 'playground.db'))
const pages = await createServer({
  configFile: false,
  root: path('.'),
  cacheDir: join(data, 'vite'),
  logLevel: 'warn',
  clearScreen: false,
  plugins: [{ name: 'sandbox', configureServer: ({ middlewares }) => void middlewares.use('/sandbox', server.answer) }],
  server: {
    host: '127.0.0.1',
    port: Number(values.port),
    strictPort: values.port !== '0',
    fs: { allow: [path('..')] },
    hmr: false,
  },
  worker: { format: 'es' },
})
await pages.listen()

const address = pages.httpServer?.address()
const port = typeof address === 'object' && address !== null ? address.port : values.port
console.log(`Tidemark playground: http://127.0.0.1:${port}/`)
console.log(`File server (sandbox): ${server.url}`)
console.log('Ctrl+C ends both.')

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void Promise.all([pages.close(), server.close()]).then(() => process.exit(0)))
}
