/** A web site over HTTP: the app's bundles, under headers that the test chooses. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export interface Site {
  /** The page. Add a query for what differs between two visits. */
  readonly url: string
  readonly origin: string
  close(): Promise<void>
}

export interface SiteOptions {
  /** What the page's policy lets it connect to; the page's own files are all that it may load. Default: no policy. */
  readonly connect?: readonly string[]
  readonly headers?: { readonly [name: string]: string }
  /** The scripts in `app/`: the page's own first. Default: the notes app. */
  readonly scripts?: readonly string[]
}

const bundles = new Map<string, Promise<ReadonlyMap<string, string>>>()

/** No `unsafe-eval`, no inline scripts, no `blob:` (S23). */
export const strict = (connect: readonly string[]): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    `connect-src ${connect.join(' ')}`,
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ')

export async function site({
  connect,
  headers = {},
  scripts = ['page', 'sync.worker'],
}: SiteOptions = {}): Promise<Site> {
  const key = scripts.join()
  const bundle = bundles.get(key) ?? bundled(scripts)
  bundles.set(key, bundle)
  const files = await bundle
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site')
    const script = files.get(pathname)
    if (connect !== undefined) response.setHeader('content-security-policy', strict(connect))
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    response.setHeader('cache-control', 'no-cache')
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript')
    if (script === undefined && pathname !== '/') response.statusCode = 404
    response.end(script ?? page(scripts[0]!))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `${origin}/`,
    origin,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

const page = (script: string): string =>
  `<!doctype html><meta charset="utf-8"><title>App</title><script type="module" src="/${script}.js"></script>`

async function bundled(scripts: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { outputFiles } = await build({
    entryPoints: scripts.map(name => fileURLToPath(new URL(`../app/${name}.ts`, import.meta.url))),
    outdir: '/',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2023',
    write: false,
  })
  return new Map(outputFiles.map(({ path, text }) => [path, text]))
}
