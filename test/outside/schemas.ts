/**
 * The vendors' own schemas as judges. They are not ours to keep: they are read from VENDOR_SCHEMAS, by default a folder
 * beside this repository, and where they are missing that is said in one line.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = resolve(root, process.env.VENDOR_SCHEMAS ?? '../shared/openapi')

/** Where we go another way than a schema, and why. */
export interface Deviation {
  readonly where: string
  readonly why: string
  /** Changes a copy of the schemas; throws where there is nothing to mend. */
  mend?(schemas: Schemas): void
  /** How an exchange is read before it is judged. */
  read?(exchange: Exchange): Exchange
}

// biome-ignore lint/suspicious/noExplicitAny: a vendor's document is foreign data that deviations look into.
export type Schemas = { [name: string]: any }

export interface Exchange {
  readonly method: string
  readonly path: string
  readonly asked: string
  readonly status: number
  readonly answered: string
}

export interface Judge {
  /** What an exchange does that the vendor's document does not allow. */
  faults(exchange: Exchange, strict: boolean): string[]
  /** How often each operation was judged. */
  readonly counts: ReadonlyMap<string, number>
}

type Operation = {
  readonly requestBody?: unknown
  readonly responses: { readonly [status: string]: unknown }
}

/** `prefix` is what stands before the paths of the document. */
export function judgeOf(name: string, prefix: RegExp, deviations: readonly Deviation[]): Judge | undefined {
  const file = join(folder, `${name}.json`)
  if (!existsSync(file)) {
    console.log(`${name}: no schema in ${folder}, so nothing is judged by it. Set VENDOR_SCHEMAS.`)
    return undefined
  }
  const document = JSON.parse(readFileSync(file, 'utf8')) as {
    paths: { [path: string]: { [method: string]: Operation } }
    components: { schemas: Schemas }
  }
  for (const { mend } of deviations) mend?.(document.components.schemas)
  const ajv = new Ajv({ strict: false, allErrors: false, validateFormats: true })
  formats.default(ajv)
  ajv.addSchema(document as object, 'vendor')

  const compiled = new Map<string, ValidateFunction | undefined>()
  const validator = (pointer: string): ValidateFunction | undefined => {
    if (!compiled.has(pointer)) {
      const there = lookUp(document, pointer) !== undefined
      compiled.set(pointer, there ? ajv.compile({ $ref: `vendor${pointer}` }) : undefined)
    }
    return compiled.get(pointer)
  }
  const paths = Object.keys(document.paths).map(path => ({
    path,
    match: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
  }))
  const counts = new Map<string, number>()

  return {
    counts,
    faults(exchange, strict) {
      if (!prefix.test(exchange.path)) return []
      const { method, path, asked, status, answered } = deviations.reduce(
        (one, { read }) => read?.(one) ?? one,
        exchange,
      )
      const below = path.replace(prefix, '')
      const has = (it: { path: string }) => document.paths[it.path]?.[method.toLowerCase()] !== undefined
      const found = paths.find(it => it.match.test(below) && has(it))
      const operation = found && document.paths[found.path]?.[method.toLowerCase()]
      if (!found || !operation) return []
      const title = `${method} ${found.path}`
      counts.set(title, (counts.get(title) ?? 0) + 1)
      const at = `#/paths/${escaped(found.path)}/${method.toLowerCase()}`
      const faults: string[] = []
      const say = (what: string, check: ValidateFunction, json: unknown) => {
        if (!check(json))
          faults.push(
            `${title} ${what}: ${ajv.errorsText(check.errors)} in ${String(JSON.stringify(json)).slice(0, 300)}`,
          )
      }

      const request = validator(`${at}/requestBody/content/application~1json/schema`)
      // What the server takes, and whatever we send, must be what the vendor takes.
      if (request && (strict || status < 300)) say('request', request, parsed(asked))
      const answer = validator(`${resolved(document, `${at}/responses/${status}`)}/content/application~1json/schema`)
      if (answer) say(`${status} answer`, answer, parsed(answered))
      else if (status < 400) faults.push(`${title} answers ${status}, which is not declared`)
      else if (answered !== '') {
        const json = parsed(answered) as { error?: unknown } | undefined
        const error = json?.error as { code?: unknown; message?: unknown } | string | undefined
        const plain = typeof error === 'string'
        if (!plain && (error?.code !== status || typeof error.message !== 'string')) {
          faults.push(`${title} answers ${status} without the envelope: ${answered.slice(0, 200)}`)
        }
      }
      return faults
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const escaped = (path: string): string => path.replaceAll('~', '~0').replaceAll('/', '~1')

function lookUp(document: unknown, pointer: string): unknown {
  let at = document as { [key: string]: unknown } | undefined
  for (const part of pointer.split('/').slice(1)) {
    at = at?.[part.replaceAll('~1', '/').replaceAll('~0', '~')] as typeof at
  }
  return at
}

/** Answers may be named elsewhere in the document. */
function resolved(document: unknown, pointer: string): string {
  const there = lookUp(document, pointer) as { $ref?: string } | undefined
  return there?.$ref ?? pointer
}
